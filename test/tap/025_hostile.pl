# Answers that are JSON of the worst kind, or nearly: nested too deep, bytes that are no
# UTF-8, characters and numbers that PostgreSQL has not, names and objects without
# measure, names that come twice. In what is read, by a scan and by a look-up, in the
# answer to an UPDATE and in the schema of an import: the right row, or an ERROR that
# says what to do. The simulator has no such answers, so a server of its own gives them.
use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use lib $FindBin::Bin;
use PendoTest;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $folder = File::Temp::tempdir('hostile_XXXX', DIR => '/tmp', CLEANUP => 1);
my $cluster = start_cluster();
my $dbh = $cluster->session;

# ---- a server that answers with what a file has ---------------------------

sub file_of {
    my ($path) = @_;
    return "$folder/" . ($path =~ /aggregation/ ? 'scan' : $path =~ m{schema/(\w+)} ? "schema_$1" : $path =~ m{/value$} ? 'update' : 'lookup');
}

sub answer {
    my ($client) = @_;
    my $text = '';
    until ($text =~ /\r\n\r\n/) { return unless sysread $client, $text, 65_536, length $text }
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my $size = $head =~ /^Content-Length: (\d+)/mi ? $1 : 0;
    while (length $body < $size) { return unless sysread $client, $body, 65_536, length $body }
    my ($path) = $head =~ /^\w+ (\S+)/;
    my $reply = slurp(file_of($path));
    print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " . length($reply) . "\r\nConnection: close\r\n\r\n$reply";
    return;
}

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50) or die "listen: $!";
my $server = fork // die "fork: $!";
if (!$server) {
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{PIPE} = 'IGNORE';
    $dbh->{InactiveDestroy} = 1;
    while (my $client = $listener->accept) { eval { answer($client); 1 } or warn $@; close $client }
    POSIX::_exit(0);
}
END { if ($server) { my $status = $?; kill 'KILL', $server; waitpid $server, 0; $? = $status } }

my $schema = '{"custom":{"plan":{"Type":"string"},"tags":{"Type":"list"},"score":{"Type":"float"}}}';
spew("$folder/schema_$_", $schema) for qw(visitor account);
connect_pendo($dbh, { url => 'http://127.0.0.1:' . $listener->sockport }, max_retries => 0);
$dbh->do("CREATE FOREIGN TABLE t (id text OPTIONS (path 'visitorId'), plan text OPTIONS (path 'custom.plan'), tags jsonb OPTIONS (path 'custom.tags'),"
      . " score float8 OPTIONS (path 'custom.score')) SERVER pendo OPTIONS (object 'visitors')");

# ---- what is read ---------------------------------------------------------

sub nested { my ($depth) = @_; return '[' x $depth . ']' x $depth }

my $long_name = 'x' x 1001;
my $many = '{' . join(',', map { "\"k$_\":1" } 1 .. 100_001) . '}';
my %is_bad = (
    half   => 'it holds half a surrogate pair',
    nul    => 'it holds the character \u0000',
    number => 'it is not a number',
    range  => 'it is out of the range of a double precision',
);
my $jsonb_advice = qr/^ALTER FOREIGN TABLE public\.t ALTER COLUMN \w+ TYPE jsonb; shows every value as it is; ALTER FOREIGN TABLE public\.t OPTIONS \(ADD on_bad_value 'null'\); makes such values NULL\.$/;
my $null_advice = qr/^ALTER FOREIGN TABLE public\.t OPTIONS \(ADD on_bad_value 'null'\); makes such values NULL\.$/;
my $too_deep = ['54000', qr/^cannot make sense of Pendo's answer to server "pendo": a record is nested too deep$/, qr/^Lists and objects may be nested 512 deep\.$/];
my $no_utf8 = ['HV00L', qr/^cannot make sense of Pendo's answer to server "pendo": a record is not valid UTF-8$/, qr/^No row of it was left out.*region or api_url\.$/];

# name => [the JSON, what the text and the jsonb column make of it, and why they or the
# float cannot]; or [the JSON, undef, the ERROR, whatever the column].
my @values = (
    ['nested too deep', nested(513), undef, $too_deep],
    ['no UTF-8', "\"\xff\"", undef, $no_utf8],
    ['half a pair', '"\ud800"', [undef, undef], ['half', 'half', 'number'], $null_advice],
    ['half a pair in a list', '["\ud800"]', ['["\ud800"]', undef], [undef, 'half', 'number'], $null_advice],
    ['\u0000', '"\u0000"', [undef, undef], ['nul', 'nul', 'number'], $null_advice],
    ['1e400', '1e400', ['1e400', '1' . '0' x 400], [undef, undef, 'range'], $jsonb_advice],
    ['a long name', "{\"$long_name\":1}", ["{\"$long_name\":1}", "{\"$long_name\": 1}"], [undef, undef, 'number'], $jsonb_advice],
    ['100,001 names', $many, [$many, $many =~ s/([:,])/$1 /gr], [undef, undef, 'number'], $jsonb_advice],
    ['a name twice', '{"a":1,"a":2}', ['{"a":1,"a":2}', '{"a": 2}'], [undef, undef, 'number'], $jsonb_advice],
);
my @columns = qw(plan tags score other);    # the last one is not asked for
my %sql = (scan => 'SELECT id, plan, tags, score FROM t', lookup => q(SELECT id, plan, tags, score FROM t WHERE id = 'v2'));

sub serve_record {
    my ($column, $json) = @_;
    my %short = (plan => 'b', tags => 'c', score => 'd', other => 'z');
    spew("$folder/scan", qq({"results":[{"a":"v1","b":"x"},{"a":"v2","$short{$column}":$json}]}));
    spew("$folder/lookup", qq({"id":"v2","metadata":{"custom":{"$column":$json}}}));
    return;
}

# What is wrong with how a statement ended; empty: nothing. $row: of v2.
sub unlike_row {
    my ($how, $row) = @_;
    my $rows = eval { $dbh->selectall_arrayref($sql{$how}) } or return "ERROR: " . $dbh->errstr;
    my @expected = ($how eq 'scan' ? ['v1', 'x', undef, undef] : (), $row);
    return eq_array($rows, \@expected) ? '' : 'other rows: ' . substr(join('; ', map { join ',', map { $_ // 'NULL' } @$_ } @$rows), 0, 200);
}

sub unlike_error {
    my ($sql, $state, $message, $hint) = @_;
    my $error = error_of($dbh, $sql) or return 'no ERROR';
    return join '; ', $error->{state} eq $state ? () : "SQLSTATE $error->{state}", $error->{message} =~ $message ? () : $error->{message}, $error->{hint} =~ $hint ? () : $error->{hint};
}

my $began = time;
for my $on_bad_value (qw(error null)) {
    $dbh->do("ALTER FOREIGN TABLE t OPTIONS (ADD on_bad_value 'null')") if $on_bad_value eq 'null';
    for my $case (@values) {
        my ($name, $json, $held, $why, $advice) = @$case;
        for my $n (0 .. $#columns) {
            serve_record($columns[$n], $json);
            for my $how (sort keys %sql) {
                my $what = "$how, $name in $columns[$n], on_bad_value $on_bad_value";
                if (!$held) { is(unlike_error($sql{$how}, @$why), '', "$what: an ERROR"); next }
                my $bad = $n < 3 && $why->[$n];
                if ($bad && $on_bad_value eq 'error') {
                    is(unlike_error($sql{$how}, '22P02', qr/^column "$columns[$n]" of public\.t cannot hold Pendo's value .* of "v2"$/, $advice), '', "$what: an ERROR");
                    like($dbh->pg_error_field('detail'), qr/\Q$is_bad{$bad}\E\.$/, "$what: that says why");
                } else {
                    my @row = ('v2', undef, undef, undef);
                    $row[1 + $n] = $held->[$n] if $n < 2 && !$bad;
                    is(unlike_row($how, \@row), '', "$what: the row");
                }
            }
        }
    }
}
# up to the limit, the record's own objects included
for my $case (['scan', 1], ['lookup', 3]) {
    my ($how, $outside) = @$case;
    my $deep = nested(512 - $outside);
    serve_record('tags', $deep);
    is(unlike_row($how, ['v2', undef, $deep, undef]), '', "$how, 512 deep: the row");
    serve_record('tags', "[$deep]");
    is(unlike_error($sql{$how}, @$too_deep), '', "$how, 513 deep: an ERROR");
}
# an id
for my $case (['half', '"\ud800"'], ['nul', '"\u0000"']) {
    spew("$folder/scan", qq({"results":[{"a":"v1"},{"a":$case->[1]}]}));
    is(unlike_error($sql{scan}, 'HV00L', qr/: a row has no usable key$/, $no_utf8->[2]), '', "an id, $case->[0]: an ERROR whatever on_bad_value is");
}

# ---- the answer to an UPDATE ------------------------------------------------

$dbh->do('SET client_min_messages = error');
my $unclear = 'cannot make sense of Pendo\'s answer, ';
# the JSON; what is said where it is among the errors, beside all that is expected, and
# among the missing. undef: the record counts as taken.
my @replies = (
    ['nested too deep', nested(513), ("uncertain: ${unclear}it is nested too deep") x 3],
    ['no UTF-8', "\"\xff\"", ("uncertain: ${unclear}it is not valid UTF-8") x 3],
    ['half a pair', '"\ud800"', ("uncertain: ${unclear}it holds half a surrogate pair") x 3],
    ['1e400', '1e400', ("uncertain: ${unclear}it holds a number beyond every double precision") x 3],
    ['\u0000', '"\u0000"', 'invalid: ', undef, "uncertain: ${unclear}it names other records than it was sent"],
    ['a long name', "{\"$long_name\":1}", 'invalid: {"xxx', undef, "uncertain: ${unclear}its \"missing\" is not a list of ids"],
    ['100,001 names', $many, 'invalid: {"k1":1,"k2":1', undef, "uncertain: ${unclear}its \"missing\" is not a list of ids"],
    ['a name twice', '{"a":1,"a":2}', 'invalid: {"a":1,"a":2}', undef, "uncertain: ${unclear}its \"missing\" is not a list of ids"],
);
for my $case (@replies) {
    my ($name, $json, @expected) = @$case;
    my @bodies = (['errors', qq({"total":1,"updated":0,"failed":1,"errors":[$json]})], ['another member', qq({"total":1,"updated":1,"other":$json})],
        ['missing', qq({"total":1,"updated":0,"failed":1,"missing":[$json]})]);
    for my $n (0 .. $#bodies) {
        my ($where, $body) = @{ $bodies[$n] };
        spew("$folder/update", $body);
        is(error_of($dbh, q(UPDATE t SET plan = 'y' WHERE id = 'v2')), undef, "UPDATE, $name in $where: goes through");
        my $listed = join '; ', map { "$_->[0]: $_->[1]" } @{ $dbh->selectall_arrayref(q(SELECT reason, substr(message, 9) FROM pendo_fdw_rejects)) };
        my $expected = $expected[$n] // '';
        is(substr($listed, 0, length $expected || 99), $expected, "UPDATE, $name in $where: " . ($expected ? 'what became of it' : 'it was taken'));
        spew("$folder/update", '{"total":1,"updated":1,"failed":0}');
        $dbh->do(q(UPDATE t SET plan = 'z' WHERE id = 'v2'));
    }
}
is($dbh->selectrow_array('SELECT count(*) FROM pendo_fdw_rejects'), 0, 'UPDATE: a good answer makes up for it');

# ---- the schema of an import ----------------------------------------------

sub import_from {
    my ($text) = @_;
    spew("$folder/schema_visitor", $text);
    $dbh->do($_) for 'DROP SCHEMA IF EXISTS made CASCADE', 'CREATE SCHEMA made';
    return 'IMPORT FOREIGN SCHEMA pendo LIMIT TO (visitors) FROM SERVER pendo INTO made';
}

sub made_columns {
    my $columns = $dbh->selectcol_arrayref(q(SELECT attname || ' ' || atttypid::regtype FROM pg_attribute WHERE attrelid = 'made.visitors'::regclass AND attname ~ '^custom_' ORDER BY attnum));
    return join ', ', @$columns;
}

my $senseless = 'cannot make sense of the metadata schema of server "pendo": ';
my $region = qr/^Check the server's region or api_url\.$/;
my @unreadable = (
    ['nested too deep', nested(513), '54000', 'it is nested too deep', qr/^Lists and objects may be nested 512 deep\.$/],
    ['no UTF-8', "\"\xff\"", 'HV00L', 'it is not valid UTF-8', $region],
    ['half a pair', '"\ud800"', 'HV00L', 'it holds half a surrogate pair', $region],
    ['1e400', '1e400', 'HV00L', 'it holds a number beyond every double precision', $region],
);
for my $case (@unreadable) {
    my ($name, $json, $state, $why, $hint) = @$case;
    for my $member (qw(Type DisplayName sample)) {
        my $sql = import_from(qq({"custom":{"plan":{"Type":"string"},"odd":{"$member":$json}}}));
        is(unlike_error($sql, $state, qr/^\Q$senseless$why\E$/, $hint), '', "import, $name as $member: an ERROR");
    }
}
for my $case (['\u0000', '"\u0000"'], ['a long name', "{\"$long_name\":1}"], ['100,001 names', $many], ['a name twice', '{"a":1,"a":2}']) {
    my ($name, $json) = @$case;
    for my $member (qw(Type DisplayName sample)) {
        my $sql = import_from(qq({"custom":{"plan":{"Type":"string"},"odd":{"Type":"integer","$member":$json}}}));
        is(error_of($dbh, $sql), undef, "import, $name as $member: goes through");
        is(made_columns(), 'custom_plan text, custom_odd ' . ($member eq 'Type' ? 'jsonb' : 'bigint'), "import, $name as $member: the columns");
    }
}
sub fields { return '{"custom":{' . join(',', map { "$_:{\"Type\":\"string\"}" } @_) . '}}' }
my @names = (
    ['\u0000', fields('"\u0000"'), 'HV00L', qr/^${senseless}a name in it is not text$/, $region],
    ['half a pair', fields('"\udc00"'), 'HV00L', qr/^${senseless}a name in it is not text$/, $region],
    ['1,001 bytes', fields("\"$long_name\""), '54000', qr/^${senseless}a name in it is too long$/, qr/^The name of a field or of its group may have 1000 bytes\.$/],
    ['1,001 bytes, a group', "{\"$long_name\":{}}", '54000', qr/^${senseless}a name in it is too long$/, qr/^The name of a field or of its group may have 1000 bytes\.$/],
    ['100,001 fields', fields(map { "\"k$_\"" } 1 .. 100_001), '54000', qr/^${senseless}it has too many fields$/, qr/^A schema may have 100000 fields\.$/],
    ['100,000 fields', fields(map { "\"k$_\"" } 1 .. 100_000), '54011', qr/^Pendo has more fields of visitors than a table can have columns$/, qr/OPTIONS \(groups 'custom,agent'\)\.$/],
);
for my $case (@names) {
    my ($name, $text, @error) = @$case;
    my $since = time;
    is(unlike_error(import_from($text), @error), '', "import, a name of $name: an ERROR");
    cmp_ok(time - $since, '<', 20, "import, a name of $name: soon");
}
is(error_of($dbh, import_from('{"custom":{"a":{"Type":"string"},"b":{},"a":{"Type":"integer"}},"custom":{"c":{"Type":"time","Type":"boolean"}}}')), undef, 'import, names that come twice: goes through');
is(made_columns(), 'custom_a bigint, custom_b jsonb, custom_c boolean', 'import, names that come twice: the last one counts');

note sprintf '%.1f s', time - $began;
unlike($cluster->log, qr/terminated by signal|PANIC/, 'no backend died of it');

done_testing();
