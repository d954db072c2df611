#!/usr/bin/perl
# TLS in front of a plain server: passes bytes on, a process for each connection,
# and offers HTTP/2 and HTTP/1.1. Writes "ready", and for each connection what was
# agreed on. HUP: connections end as soon as nothing is under way on them. A
# PROTOCOL, as in TLSv1_1, is the only one that is spoken.
#
#   tls_relay.pl PORT SERVER-PORT CERTIFICATE KEY [PROTOCOL]
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;

my ($port, $server_port, $certificate, $key, $protocol) = @ARGV;
# old ones need leave of the library too
my @versions = $protocol ? (SSL_version => $protocol, SSL_cipher_list => 'DEFAULT:@SECLEVEL=0') : ();
$SIG{CHLD} = 'IGNORE';
$| = 1;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 128, ReuseAddr => 1) or die "port $port: $!\n";
my %children;
my $ending = 0;
$SIG{HUP} = sub { kill 'HUP', keys %children };
print "ready\n";
while (1) {
    my $plain = $listener->accept or next;    # a signal
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        $children{$pid} = 1;
        kill(0, $_) or delete $children{$_} for keys %children;
        next;
    }
    $SIG{HUP} = sub { $ending = 1 };
    close $listener;
    serve($plain);
    exit 0;
}

sub serve {
    my ($plain) = @_;
    my $client = IO::Socket::SSL->start_SSL($plain, SSL_server => 1, SSL_cert_file => $certificate, SSL_key_file => $key,
        SSL_alpn_protocols => ['h2', 'http/1.1'], @versions) or return;
    print(($client->alpn_selected // 'none') . "\n");
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server_port) or die "port $server_port: $!\n";
    my $select = IO::Select->new($client, $server);
    my $asked = 0;    # the last bytes were the client's
    while (1) {
        my @ready = $client->pending ? $client : $select->can_read($ending && !$asked ? 0 : undef);
        if (!@ready) {
            return if $ending && !$asked;
            next;
        }
        for my $from (@ready) {
            my $count = sysread $from, my $bytes, 65_536;
            next if !defined $count && $from == $client && $SSL_ERROR == SSL_WANT_READ;
            return unless $count;
            $asked = $from == $client;
            write_all($asked ? $server : $client, $bytes);
        }
    }
    return;
}

sub write_all {
    my ($to, $bytes) = @_;
    while (length $bytes) {
        my $count = syswrite $to, $bytes;
        exit 0 unless $count || $!{EINTR};
        substr $bytes, 0, $count // 0, '';
    }
    return;
}
