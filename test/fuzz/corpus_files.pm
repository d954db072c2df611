# A corpus in the tree is a file of text, an input a line: what is no printable
# ASCII, and the backslash, as \xNN. For libFuzzer it is a folder of files.
package corpus_files;

use strict;
use warnings;

use Digest::SHA qw(sha1_hex);
use Exporter 'import';
use File::Path qw(make_path remove_tree);

our @EXPORT_OK = qw(unpack_corpus pack_corpus slurp spew);

sub slurp { my ($path) = @_; open my $file, '<:raw', $path or die "$path: $!\n"; local $/; return scalar(<$file>) // '' }

sub spew {
    my ($path, $text) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file $text;
    close $file or die "$path: $!\n";
    return;
}

# The number of inputs.
sub unpack_corpus {
    my ($file, $folder) = @_;
    remove_tree($folder);
    make_path($folder);
    my @lines = split /\n/, slurp($file);
    for my $line (@lines) {
        (my $bytes = $line) =~ s/\\x([0-9a-f]{2})/chr hex $1/ge;
        spew("$folder/" . sha1_hex($bytes), $bytes);
    }
    return scalar @lines;
}

sub pack_corpus {
    my ($folder, $file) = @_;
    my @inputs = map { slurp($_) } grep { -f } glob "$folder/*";
    s/([^ -\[\]-~])/sprintf '\\x%02x', ord $1/ge for @inputs;
    spew($file, join '', map { "$_\n" } sort { length $a <=> length $b || $a cmp $b } @inputs);
    return scalar @inputs;
}

1;
