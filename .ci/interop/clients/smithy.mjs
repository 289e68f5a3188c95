import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { body, parameters as p, send } from './client.mjs';

const { accessKeyId, secretAccessKey, sessionToken, region, service } = p;
const [path, search = ''] = p.target.split('?');
const query = {};
for (const [name, value] of new URLSearchParams(search)) (query[name] ??= []).push(value);
const [hostname, port] = p.host.split(':');
const signer = new SignatureV4({
  credentials: { accessKeyId, secretAccessKey, sessionToken },
  region, service, sha256: Sha256, uriEscapePath: service !== 's3',
});
const signed = await signer.sign(new HttpRequest({
  method: p.method, protocol: 'http:', hostname, port, path, query, body,
  headers: { host: p.host, ...p.headers },
}));
// Without Content-Length, which this signer does not sign, Node sends it chunked.
const length = p.chunked || body === undefined ? {} : { 'content-length': body.length };
send({ method: p.method, path: p.target, headers: { ...signed.headers, ...length } }, body);
