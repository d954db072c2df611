# What the build promises: out-of-tree builds, no exported symbol but the entry
# points, bitcode where the server has LLVM, and the wall between the core and
# the server's headers.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use Test::More;

sub ask { my ($what) = @_; chomp(my $answer = `$pg_config --$what`); return $answer }

# The objects of a build in the tree would be found there and not made anew, so
# the sources are taken elsewhere first.
my $sources = tempdir('pendo_sources_XXXX', DIR => '/tmp', CLEANUP => 1);
my $elsewhere = tempdir('pendo_build_XXXX', DIR => '/tmp', CLEANUP => 1);
system("cp -r '$tree/src' '$tree/test' '$tree/sql' '$tree/Makefile' $tree/pendo_fdw* '$sources/' && find '$sources' -name '*.[od]' -delete && find '$sources' \\( -name '*.bc' -o -name '*.so' \\) -delete");
is($?, 0, 'the sources are copied');
chomp(my $before = `cd '$sources' && find . -type f | sort`);

my $flags = "PG_CONFIG='$pg_config' CFLAGS=-O0 CXXFLAGS='-O0 -fPIC' BITCODE_CXXFLAGS=-O0";
my $output = `cd '$elsewhere' && make -j2 -f '$sources/Makefile' $flags all 2>&1`;
is($?, 0, 'make -f from another folder') or diag substr($output, -3000);
ok(-f "$elsewhere/pendo_fdw.so", 'the library is in that folder');
chomp(my $after = `cd '$sources' && find . -type f | sort`);
is($after, $before, 'nothing was written next to the sources');
is(join('', grep { /warning:/ } split /^/, $output), '', 'no warning of the compilers');

my $staging = "$elsewhere/staging";
$output = `cd '$elsewhere' && make -f '$sources/Makefile' $flags install DESTDIR='$staging' 2>&1`;
is($?, 0, 'make install from that folder') or diag substr($output, -3000);
my ($library, $share) = (ask('pkglibdir'), ask('sharedir'));
ok(-f "$staging$_", "installs $_")
  for "$library/pendo_fdw.so", "$share/extension/pendo_fdw.control", "$share/extension/pendo_fdw--1.0.sql";

SKIP: {
    my $global = slurp(dirname(ask('pgxs')) . '/../Makefile.global');
    skip 'the server was built without LLVM', 2 unless $global =~ /^with_llvm\s*=\s*yes/m;
    my @core = glob "$sources/src/*/*.cpp";
    my @bitcode = glob "$staging$library/bitcode/pendo_fdw/src/*/*.bc";
    is(scalar @bitcode, scalar @core, 'one bitcode file for each source');
    ok(-f "$staging$library/bitcode/pendo_fdw.index.bc", 'and their index');
}

# The installed library is the one that the other tests load.
my @functions = slurp("$tree/pendo_fdw--1.0.sql") =~ /'MODULE_PATHNAME',\s*'(\w+)'/g;
cmp_ok(scalar @functions, '>=', 3, 'the script declares C functions');
my @workers = ('pendo_fdw_record_failed_run', 'pendo_fdw_deliver_worker');
my @wanted = sort 'Pg_magic_func', '_PG_init', @workers, map { ($_, "pg_finfo_$_") } @functions;
for my $so ("$elsewhere/pendo_fdw.so", "$library/pendo_fdw.so") {
    my @exported = sort map { (split)[-1] } `nm -D --defined-only '$so'`;
    is_deeply(\@exported, \@wanted, "$so exports its entry points and nothing else") or diag join "\n", "exports:", @exported;
}

# The wall: a file of the core that includes the server's headers must not
# compile, in whichever order.
my $headers = ask('includedir-server');
my %file = (
    'postgres.h first' => "#include \"postgres.h\"\n#include \"core/failure.h\"\n",
    'postgres.h last'  => "#include \"core/failure.h\"\n#include \"postgres.h\"\n",
    'none'             => "#include \"core/failure.h\"\n",
);
for my $name (sort keys %file) {
    spew("$elsewhere/wall.cpp", "$file{$name}int main() { return 0; }\n");
    my $text = `g++ -std=c++20 -D_GNU_SOURCE -DPENDO_CORE_BUILD -isystem '$headers' -I'$sources/src' -fsyntax-only '$elsewhere/wall.cpp' 2>&1`;
    if ($name eq 'none') { is($?, 0, 'a core file without the server\'s headers compiles') or diag $text }
    else {
        isnt($?, 0, "a core file with $name does not compile");
        unlike($text, qr/No such file/, "$name: and not for want of the header");
    }
}

done_testing();
