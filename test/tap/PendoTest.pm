# What the TAP tests share: a private PostgreSQL cluster, a simulator with its
# control interface, sessions that keep their messages. Everything that a test
# started ends with it.
package PendoTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use DBI;
use DBD::Pg qw(:async);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Path;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::XS;
use POSIX qw(setsid :sys_wait_h);
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw($tree $pg_config start_cluster start_standby copy_postgres start_simulator start_tls_relay wait_until connect_pendo
  error_of worked_async notices_of slurp spew free_port full_port resolver_environment lax_openssl_environment open_descriptors private_memory reset_peak_memory peak_memory);

our $tree = abs_path(dirname(__FILE__) . '/../..');
our $pg_config = $ENV{PG_CONFIG} || 'pg_config';

# Proxies are for the outside; everything here is on loopback.
delete @ENV{grep { /_proxy$/i } keys %ENV};
delete @ENV{grep { /^PG(?!_CONFIG)/ } keys %ENV};

my $owner = $$;
my @running;
my $folder = tempdir('pendo_tap_XXXXXX', DIR => '/tmp', CLEANUP => 1);

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop for reverse @running;
        $? = $status;
    }
}
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    local $/;
    return <$file> // '';
}

sub spew {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return $path;
}

# Asks until the answer is true, and gives it back; dies after the deadline.
sub wait_until {
    my ($what, $seconds, $condition) = @_;
    my $deadline = time + $seconds;
    for (;;) {
        my $answer = $condition->();
        return $answer if $answer;
        die "still waiting for $what after $seconds s\n" if time > $deadline;
        sleep 0.02;
    }
}

sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die "no free port: $!";
    return $socket->sockport;
}

# A port whose queue of connections is full: a further connect() gets no answer.
sub full_port {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 0) or die "listen: $!";
    my $port = $listener->sockport;
    my @fillers;
    for (1 .. 16) { # the module asks for a queue of more than none
        socket my $filler, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
        IO::Handle::blocking($filler, 0);
        connect $filler, sockaddr_in($port, inet_aton('127.0.0.1'));
        push @fillers, $filler;
    }
    return { port => $port, listener => $listener, fillers => \@fillers };
}

# What a server is to be started with to have the names of resolver.c, and the
# file that holds up stall.invalid.
sub resolver_environment {
    my $dir = tempdir('resolver_XXXX', DIR => $folder);
    system('cc', '-shared', '-fPIC', '-o', "$dir/resolver.so", "$tree/test/tap/resolver.c", '-ldl') == 0 or die "cc failed\n";
    my $held = spew("$dir/hold", '');
    chmod 0755, $dir;
    return ({ LD_PRELOAD => "$dir/resolver.so", RESOLVER_HOLD => $held }, $held);
}

# What a program is to be started with to have an OpenSSL that refuses no protocol and
# no cipher by itself.
sub lax_openssl_environment {
    my $dir = tempdir('openssl_XXXX', DIR => $folder);
    my @lines = ('openssl_conf = all', '[all]', 'ssl_conf = ssl', '[ssl]', 'system_default = lax', '[lax]', 'MinProtocol = None', 'CipherString = DEFAULT:@SECLEVEL=0');
    return { OPENSSL_CONF => spew("$dir/openssl.cnf", join '', map { "$_\n" } @lines) };
}

# Of a backend: sockets, timers and the like; the server's own files come and go.
sub open_descriptors { my ($pid) = @_; return scalar grep { m{^(socket|pipe|anon_inode):} } map { readlink // '' } glob "/proc/$pid/fd/*" }

# Of a process, in kB.
sub private_memory { my ($pid) = @_; return slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m ? $1 : die "no RssAnon of $pid\n" }

# The most that a process has had at a time since that was forgotten, in kB.
sub peak_memory { my ($pid) = @_; return slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m ? $1 : die "no VmHWM of $pid\n" }
sub reset_peak_memory { my ($pid) = @_; spew("/proc/$pid/clear_refs", '5'); return }

# Starts a program in its own process group.
sub spawn {
    my ($environment, $log, @command) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    setsid();
    open STDIN,  '<',  '/dev/null';
    open STDOUT, '>',  "$log.out";
    open STDERR, '>',  "$log.err";
    %ENV = (%ENV, %$environment);
    exec { $command[0] } @command or POSIX::_exit(127);
}

# ---- sessions -----------------------------------------------------------

# What a statement failed with, or undef: { state, message, detail, hint, text }.
sub error_of {
    my ($dbh, $sql) = @_;
    my $done = eval { $dbh->do($sql); 1 };
    return if $done;
    return describe_error($dbh);
}

# Waits for a statement that runs with PG_ASYNC. Not every version of the driver
# dies of its error here.
sub worked_async {
    my ($dbh) = @_;
    return eval { $dbh->pg_result; 1 } && !$dbh->state;
}

sub describe_error {
    my ($dbh) = @_;
    my $text = $dbh->errstr; # asking for the fields loses it
    return {
        state   => $dbh->state,
        message => $dbh->pg_error_field('primary') // $text,
        detail  => $dbh->pg_error_field('detail') // '',
        hint    => $dbh->pg_error_field('hint') // '',
        context => $dbh->pg_error_field('context') // '',
        text    => $text,
    };
}

# Runs a statement and gives its WARNINGs, each with its detail and hint lines.
sub notices_of {
    my ($dbh, $sql) = @_;
    my @notices;
    local $SIG{__WARN__} = sub { push @notices, $_[0] };
    local $dbh->{PrintWarn} = 1;
    $dbh->do($sql);
    return @notices;
}

# The extension, the server 'pendo' on a simulator and its four tables.
sub connect_pendo {
    my ($dbh, $simulator, %options) = @_;
    my $key    = delete $options{key} // 'sim-write-key';
    my $secret = delete $options{secret} // 'sim-track-secret';
    my %all    = (region => 'us', api_url => $simulator->{url}, track_url => $simulator->{url}, %options);
    my $list   = join ', ', map { "$_ '$all{$_}'" } sort keys %all;
    $dbh->do($_) for
      'CREATE EXTENSION IF NOT EXISTS pendo_fdw',
      "CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS ($list)",
      "CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key '$key', track_secret '$secret')",
      'CREATE SCHEMA pendo',
      'IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO pendo';
    return;
}

# ---- the cluster --------------------------------------------------------

sub ask_pg_config { my ($what) = @_; chomp(my $answer = `$pg_config --$what`); return $answer }

# The PostgreSQL that is used once more, with extensions that may be changed:
# { bin, extensions }. It finds its files by where its programs are, so these are
# copies; the rest are links.
sub copy_postgres {
    my $root = tempdir('postgres_XXXX', DIR => $folder);
    my ($bin, $share, $library) = map { ask_pg_config($_) } qw(bindir sharedir pkglibdir);
    my $extensions = "$share/extension";
    File::Path::make_path(map { "$root$_" } $bin, $extensions, $library);
    system('cp', '-a', "$bin/.", "$root$bin/") == 0 or die "cp failed\n";
    for my $from (grep { $_ ne $extensions } glob("$share/*"), glob("$library/*"), glob("$extensions/*")) {
        symlink $from, "$root$from" or die "$from: $!" unless -e "$root$from";
    }
    for my $own (glob("$extensions/pendo_fdw*"), "$library/pendo_fdw.so") {
        unlink "$root$own";
        spew("$root$own", slurp($own));
    }
    return { bin => "$root$bin", extensions => "$root$extensions" };
}

# conf: lines for postgresql.conf; env: for the server's environment; bin: its programs.
sub start_cluster {
    my (%arguments) = @_;
    my $bin = $arguments{bin} // ask_pg_config('bindir');
    my $self = bless {
        bin  => $bin,
        dir  => tempdir('cluster_XXXX', DIR => $folder),
        port => free_port(),
        env  => $arguments{env} || {},
    }, 'PendoTest::Cluster';
    $self->run('initdb', '-D', "$self->{dir}/data", '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync');
    open my $conf, '>>', "$self->{dir}/data/postgresql.conf" or die $!;
    print $conf "listen_addresses = '127.0.0.1'\nport = $self->{port}\nunix_socket_directories = '$self->{dir}'\n",
      "fsync = off\nstatement_timeout = '5min'\nlog_line_prefix = '%p '\nlog_min_messages = info\nlog_error_verbosity = verbose\n",
      map { "$_\n" } @{ $arguments{conf} || [] };
    close $conf;
    push @running, $self;
    $self->start;
    return $self;
}

# A hot standby of that cluster, which must be of wal_level replica.
sub start_standby {
    my ($primary) = @_;
    my $self = bless { %$primary, dir => tempdir('standby_XXXX', DIR => $folder), port => free_port() }, ref $primary;
    $primary->run('pg_basebackup', '-h', $primary->{dir}, '-p', $primary->{port}, '-U', 'postgres', '-D', "$self->{dir}/data", '-R', '-c', 'fast', '-X', 'stream');
    open my $conf, '>>', "$self->{dir}/data/postgresql.conf" or die $!;
    print $conf "port = $self->{port}\nunix_socket_directories = '$self->{dir}'\nhot_standby = on\n";
    close $conf;
    push @running, $self;
    $self->start;
    return $self;
}

package PendoTest::Cluster;

use Time::HiRes qw(time);

sub run {
    my ($self, $program, @arguments) = @_;
    my $log = "$self->{dir}/$program.log";
    my $pid = PendoTest::spawn($self->{env}, $log, "$self->{bin}/$program", @arguments);
    waitpid $pid, 0;
    die "$program failed:\n" . PendoTest::slurp("$log.err") . PendoTest::slurp("$log.out") if $?;
    return;
}

sub start {
    my ($self) = @_;
    eval { $self->run('pg_ctl', '-D', "$self->{dir}/data", '-l', "$self->{dir}/server.log", '-w', 'start'); 1 }
      or die $@ . $self->log;
    $self->{started} = 1;
    return;
}

sub stop {
    my ($self, $mode) = @_;
    return unless delete $self->{started};
    $self->run('pg_ctl', '-D', "$self->{dir}/data", '-m', $mode // 'immediate', '-w', 'stop');
    return;
}

# So that the files are whole.
sub stop_cleanly { my ($self) = @_; return $self->stop('fast') }

sub log { my ($self) = @_; return PendoTest::slurp("$self->{dir}/server.log") }

sub postmaster {
    my ($self) = @_;
    return (split /\n/, PendoTest::slurp("$self->{dir}/data/postmaster.pid"))[0];
}

# The state and the parent of a process; nothing if there is none.
sub state_of {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/stat" or return;
    return (<$file> // '') =~ /\) (\S) (\d+)/;
}

sub is_there { my ($state) = state_of($_[0]); return $state && $state ne 'Z' }

# Until the standby has all that has been written so far.
sub wait_for_standby {
    my ($self, $standby) = @_;
    my ($primary, $replica) = map { $_->session } $self, $standby;
    my $position = $primary->selectrow_array('SELECT pg_current_wal_lsn()');
    PendoTest::wait_until('the standby', 60, sub { $replica->selectrow_array("SELECT pg_last_wal_replay_lsn() >= '$position'::pg_lsn") });
    $_->disconnect for $primary, $replica;
    return;
}

# Kills the postmaster alone; its children have to see it, and end.
sub crash {
    my ($self) = @_;
    my $pid = $self->postmaster;
    my @children = grep { my (undef, $parent) = state_of($_); ($parent // 0) == $pid } map { m{/(\d+)$} } glob '/proc/[0-9]*';
    kill 'KILL', $pid;
    delete $self->{started};
    PendoTest::wait_until('the end of the postmaster and its children', 60, sub { !grep { is_there($_) } $pid, @children });
    # where nobody reaps it, the dead one would count as running
    unlink "$self->{dir}/data/postmaster.pid", "$self->{dir}/.s.PGSQL.$self->{port}.lock";
    return;
}

# After a crash of a backend the server starts anew by itself.
sub wait_for_restart {
    my ($self) = @_;
    PendoTest::wait_until('the server to be back', 60, sub { eval { $self->session->disconnect; 1 } });
    return;
}

# A new session; dies where a statement fails.
sub session {
    my ($self, %arguments) = @_;
    my $database = $arguments{dbname} // 'postgres';
    my $dbh = DBI->connect("dbi:Pg:host=$self->{dir};port=$self->{port};dbname=$database", $arguments{user} // 'postgres', '',
        { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1, pg_enable_utf8 => 1 });
    $dbh->{pg_server_prepare} = 0;
    return $dbh;
}

# ---- the simulator ------------------------------------------------------

package PendoTest;

sub start_simulator {
    my (@options) = @_;
    my $program = $ENV{PENDO_SIMULATOR_PROGRAM} || "$tree/build/pendo-simulator";
    -x $program or BAIL_OUT("no simulator at $program: make simulator");
    my $log = tempdir('simulator_XXXX', DIR => $folder) . '/log';
    my $http = HTTP::Tiny->new(timeout => 120, max_redirect => 0);
    my $self = bless { log => $log, http => $http, program => $program, options => \@options }, 'PendoTest::Simulator';
    push @running, $self;
    launch_simulator($self, 0);
    return $self;
}

sub launch_simulator {
    my ($self, $port) = @_;
    my $log = $self->{log};
    $self->{pid} = spawn({}, $log, $self->{program}, '--port', $port, @{ $self->{options} });    # among which there may be a port
    $self->{url} = wait_until('the simulator', 60, sub {
        die "the simulator ended:\n" . slurp("$log.err") if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        return -e "$log.out" && slurp("$log.out") =~ /^ready (\S+)\n/ ? $1 : undef;
    });
    return;
}

# TLS in front of a simulator, by a certificate that is its own authority:
# { url, ca_file }. The client may choose HTTP/2 or HTTP/1.1. host, from, until:
# whom the certificate is for, and when it is valid; protocol: the only one spoken.
sub start_tls_relay {
    my ($simulator, %arguments) = @_;
    my $dir = tempdir('relay_XXXX', DIR => $folder);
    my ($server_port) = $simulator->{url} =~ /:(\d+)$/;
    my $port = free_port();
    my $self = bless { url => "https://127.0.0.1:$port", ca_file => "$dir/cert.pem", log => "$dir/log" }, 'PendoTest::Relay';
    my $host = $arguments{host} // '127.0.0.1';
    my $day = 86_400;
    require IO::Socket::SSL::Utils;
    my ($certificate, $key) = IO::Socket::SSL::Utils::CERT_create(CA => 1, subject => { commonName => $host },
        subjectAltNames => [[$host =~ /^[\d.]+$/ ? 'IP' : 'DNS', $host]], purpose => { server => 1, CA => 1 },
        not_before => $arguments{from} // time - $day, not_after => $arguments{until} // time + 30 * $day);
    spew("$dir/cert.pem", IO::Socket::SSL::Utils::PEM_cert2string($certificate));
    spew("$dir/key.pem", IO::Socket::SSL::Utils::PEM_key2string($key));
    $self->{pid} = spawn({}, $self->{log}, $^X, "$tree/test/tap/tls_relay.pl", $port, $server_port, "$dir/cert.pem", "$dir/key.pem", $arguments{protocol} // ());
    push @running, $self;
    wait_until('the relay', 30, sub {
        die "the relay ended:\n" . slurp("$self->{log}.err") if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        return -e "$self->{log}.out" && slurp("$self->{log}.out") =~ /^ready\n/;
    });
    return $self;
}

package PendoTest::Relay;

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'TERM', -$pid;    # with the processes of its connections
    waitpid $pid, 0;
    return;
}

# Every connection ends when nothing is under way on it.
sub go_away { my ($self) = @_; kill 'HUP', $self->{pid}; return }

# What was agreed on for each connection so far.
sub protocols { my ($self) = @_; return grep { $_ ne 'ready' } split /\n/, PendoTest::slurp("$self->{log}.out") }

package PendoTest::Simulator;

use JSON::XS;

my $json = JSON::XS->new->utf8->allow_nonref->canonical;

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return;
}

sub crash {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    unlink "$self->{log}.out";
    return;
}

# With the same options on the same port; what it had is gone, but for its journal.
sub start_again {
    my ($self) = @_;
    PendoTest::launch_simulator($self, $self->{url} =~ /:(\d+)$/);
    return;
}

sub ask {
    my ($self, $method, $path, $body) = @_;
    my $reply = $self->{http}->request($method, "$self->{url}$path", defined $body ? { content => $json->encode($body) } : {});
    return $reply;
}

sub get {
    my ($self, $path) = @_;
    my $reply = $self->ask('GET', "/__sim/$path");
    die "GET $path: $reply->{status} $reply->{content}" unless $reply->{success};
    return $json->decode($reply->{content});
}

sub post {
    my ($self, $path, $body) = @_;
    my $reply = $self->ask('POST', "/__sim/$path", $body // {});
    die "POST $path: $reply->{status} $reply->{content}" unless $reply->{success};
    return;
}

sub stats    { return $_[0]->get('stats') }
sub requests { return $_[0]->get('requests') }
sub events   { return $_[0]->get('events') }
sub metrics  { return $_[0]->get('metrics') }
sub reset    { return $_[0]->post('reset') }
sub config   { my ($self, %switches) = @_; return $self->post('config', \%switches) }
sub faults   { my ($self, @rules) = @_; return $self->post('faults', \@rules) }

# Requests since the last call of this.
sub news {
    my ($self) = @_;
    my $seen = $self->{seen} // 0;
    my @new = grep { $_->{seq} > $seen } @{ $self->requests };
    $self->{seen} = $new[-1]{seq} if @new;
    return @new;
}

# What the bulk calls among the news carry: { id => { group => { field => value } } }
# of those with the status 200, or of all, and how many calls they were.
sub bulk_news {
    my ($self, $all) = @_;
    my (%records, $calls);
    for my $request ($self->news) {
        my ($kind, $group) = $request->{path} =~ m{^/api/v1/metadata/(\w+)/(\w+)/value(?:\?|$)} or next;
        ++$calls;
        next unless $all || $request->{status} == 200;
        for my $record (@{ $json->decode(utf8($request->{body})) }) {
            my $values = $records{ $record->{"${kind}Id"} }{$group} //= {};
            %$values = (%$values, %{ $record->{values} });
        }
    }
    return (\%records, $calls // 0);
}

sub utf8 { my ($text) = @_; utf8::encode($text); return $text }

# Loads records of one's own in the place of all: [{ visitorId, metadata }].
sub load {
    my ($self, $kind, @records) = @_;
    my $reply = $self->{http}->request('POST', "$self->{url}/__sim/load/$kind", { content => join '', map { $json->encode($_) . "\n" } @records });
    die "load: $reply->{status} $reply->{content}" unless $reply->{success};
    return;
}

# The record as stored, or undef.
sub record {
    my ($self, $kind, $id) = @_;
    (my $escaped = $id) =~ s/([^A-Za-z0-9_.-])/sprintf '%%%02X', ord $1/ge;
    my $reply = $self->ask('GET', "/__sim/record/$kind/$escaped");
    return if $reply->{status} == 404;
    die "record $id: $reply->{status}" unless $reply->{success};
    return $json->decode($reply->{content});
}

# All records of a kind, by id.
sub dump {
    my ($self, $kind) = @_;
    my $reply = $self->ask('GET', "/__sim/dump/$kind");
    die "dump: $reply->{status}" unless $reply->{success};
    my %records;
    for my $line (split /\n/, $reply->{content}) {
        my $record = $json->decode($line);
        $records{ $record->{"${kind}Id"} } = $record;
    }
    return \%records;
}

# Waits until at least so many calls of that route have arrived.
sub wait_for_calls {
    my ($self, $route, $count) = @_;
    PendoTest::wait_until("$count x $route", 30, sub { ($self->stats->{$route} // 0) >= $count });
    return;
}

1;
