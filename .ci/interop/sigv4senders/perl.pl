# Sends the requests of stdin with the sender that the argument names.
use strict;
use warnings;
use HTTP::Request;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(strftime);

sub requested {
    my ($p, $body, @more) = @_;
    return HTTP::Request->new($p->{method} => "http://$p->{host}$p->{target}", [Host => $p->{host}, %{$p->{headers}}, @more], $body);
}

my %senders = (
    'Net::Amazon::Signature::V4' => sub {
        my ($p, $body) = @_;
        require Net::Amazon::Signature::V4;
        my $signer = Net::Amazon::Signature::V4->new({
            access_key_id => $p->{accessKeyId}, secret => $p->{secretAccessKey}, endpoint => 'us-east-1', service => $p->{service} });
        return $signer->sign(requested($p, $body, 'X-Amz-Date' => strftime('%Y%m%dT%H%M%SZ', gmtime),
            $p->{sessionToken} ? ('X-Amz-Security-Token' => $p->{sessionToken}) : ()));
    },
    'AWS::Signature4 (Perl)' => sub {
        my ($p, $body) = @_;
        require AWS::Signature4;
        my $request = requested($p, $body, $p->{sessionToken} ? ('X-Amz-Security-Token' => $p->{sessionToken}) : ());
        AWS::Signature4->new(-access_key => $p->{accessKeyId}, -secret_key => $p->{secretAccessKey})->sign($request, 'us-east-1');
        return $request;
    },
);

my @answers;
for my $p (@{decode_json(do { local $/; <STDIN> })}) {
    eval {
        open my $file, '<:raw', $p->{body} or die "$p->{body}: $!";
        my $body = do { local $/; <$file> } // '';
        my $signed = $senders{$ARGV[0]}->($p, $body);
        $signed->header('Content-Length' => length $body, Connection => 'close');
        my $server = IO::Socket::INET->new(PeerAddr => $p->{address}, Timeout => 20) or die "$p->{address}: $!";
        print $server "$p->{method} $p->{target} HTTP/1.1\r\n" . $signed->headers->as_string("\r\n") . "\r\n$body";
        my $answer = do { local $/; <$server> };
        push @answers, '';
        1;
    } or push @answers, "$@";
}
print encode_json(\@answers);
