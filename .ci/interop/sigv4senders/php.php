<?php
// Sends the requests of stdin with async-aws.
use AsyncAws\Core\Credentials\Credentials;
use AsyncAws\Core\Request;
use AsyncAws\Core\RequestContext;
use AsyncAws\Core\Signer\SignerV4;
use AsyncAws\Core\Stream\StringStream;

require '/usr/share/php/AsyncAws/Core/autoload.php';

$answers = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $p) {
    try {
        [$path, $search] = array_pad(explode('?', $p['target'], 2), 2, '');
        parse_str($search, $query);
        if (count($query) < count(array_filter(explode('&', $search)))) {
            throw new Exception('it has no repeated names');
        }
        $body = file_get_contents($p['body']);
        $request = new Request($p['method'], $path, $query, $p['headers'], StringStream::create($body));
        $request->setEndpoint("http://{$p['address']}{$p['target']}");
        $credentials = new Credentials($p['accessKeyId'], $p['secretAccessKey'], $p['sessionToken'] ?: null);
        (new SignerV4($p['service'], 'us-east-1'))->sign($request, $credentials, new RequestContext());
        $head = "{$p['method']} {$p['target']} HTTP/1.1\r\nConnection: close\r\nContent-Length: " . strlen($body) . "\r\n";
        foreach ($request->getHeaders() as $name => $value) {
            if (strtolower($name) !== 'content-length') {
                $head .= "$name: $value\r\n";
            }
        }
        $server = stream_socket_client("tcp://{$p['address']}");
        fwrite($server, "$head\r\n$body");
        stream_get_contents($server);
        $answers[] = '';
    } catch (Throwable $e) {
        $answers[] = (string) $e;
    }
}
echo json_encode($answers);
