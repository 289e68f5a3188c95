// What all clients share: parameters come as JSON on stdin, and the answer goes to
// stdout as JSON.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';

// Node 18, Debian 12's, has no such globals yet.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

export const parameters = JSON.parse(readFileSync(0, 'utf8'));
export const body = parameters.body ? readFileSync(parameters.body) : undefined;

export function report(status, text) {
  process.stdout.write(JSON.stringify({ status, text }));
}

// send sends a request as it is, so that nothing resolves or encodes its path again.
export function send({ method, path, headers }, content) {
  const [hostname, port] = parameters.address.split(':');
  const request = http.request({ hostname, port, method, path, headers }, async (response) => {
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    report(response.statusCode, text);
  });
  request.end(content);
}
