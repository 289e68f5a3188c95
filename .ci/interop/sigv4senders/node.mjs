// Sends the requests of stdin with the sender that the argument names.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';

globalThis.crypto ??= webcrypto; // Node 18 has none
const require = createRequire(import.meta.url);
const region = 'us-east-1';

// send sends a request as it is, so that nothing resolves or encodes its path again.
function send(p, path, headers) {
  const [hostname, port] = p.address.split(':');
  return new Promise((sent, failed) => {
    const length = p.body.length || p.method !== 'GET' ? { 'content-length': p.body.length } : {};
    const request = http.request({ hostname, port, method: p.method, path, headers: { ...length, ...headers } },
      (response) => response.resume().on('end', sent));
    request.on('error', failed).end(p.body);
  });
}

const credentials = (p) => ({ accessKeyId: p.accessKeyId, secretAccessKey: p.secretAccessKey, ...(p.sessionToken && { sessionToken: p.sessionToken }) });
const url = (p) => `http://${p.address}${p.target}`;
const init = (p) => ({ method: p.method, headers: p.headers, ...(p.body.length && { body: p.body }) });
const fetched = async (response) => { await (await response).text(); };

// parsed is what signers get that take the query decoded.
function parsed(p) {
  const [path, search = ''] = p.target.split('?');
  const query = {};
  for (const [name, value] of new URLSearchParams(search)) (query[name] ??= []).push(value);
  const [hostname, port] = p.address.split(':');
  return {
    method: p.method, protocol: 'http:', hostname, port, path, query, headers: { host: p.address, ...p.headers },
    ...(p.body.length && { body: p.body }),
  };
}

async function smithy(p, Signer, options) {
  const { Sha256 } = require('@aws-crypto/sha256-js');
  const { HttpRequest } = require('@smithy/protocol-http');
  const signer = new Signer({ credentials: credentials(p), region, service: p.service, sha256: Sha256, uriEscapePath: p.service !== 's3', ...options });
  const signed = await signer.sign(new HttpRequest(parsed(p)));
  await send(p, p.target, signed.headers);
}

const senders = {
  '@smithy/signature-v4': (p) => smithy(p, require('@smithy/signature-v4').SignatureV4),
  '@aws-sdk/signature-v4-crt': (p) => smithy(p, require('@aws-sdk/signature-v4-crt').CrtSignerV4, { signingAlgorithm: 0 }),
  aws4(p) {
    const signed = require('aws4').sign(
      { host: p.address, service: p.service, region, method: p.method, path: p.target, headers: { ...p.headers }, body: p.body }, credentials(p));
    return send(p, signed.path, signed.headers);
  },
  'aws4-axios'(p) {
    const { aws4Interceptor } = require('aws4-axios');
    const client = require('axios').default.create();
    client.interceptors.request.use(aws4Interceptor({ options: { region, service: p.service }, credentials: credentials(p), instance: client }));
    return client({ url: url(p), method: p.method, headers: p.headers, data: p.body.length ? p.body.toString() : undefined });
  },
  async aws4fetch(p) {
    const { AwsClient } = await import('aws4fetch');
    await fetched(new AwsClient({ ...credentials(p), service: p.service, region, retries: 0 }).fetch(url(p), init(p)));
  },
  async 'aws-sigv4-fetch'(p) {
    const { createSignedFetcher } = await import('aws-sigv4-fetch');
    await fetched(createSignedFetcher({ service: p.service, region, credentials: credentials(p) })(url(p), init(p)));
  },
  async 'aws-sigv4-sign'(p) {
    const { signRequest } = await import('aws-sigv4-sign');
    await fetched(fetch(await signRequest(url(p), init(p), { service: p.service, region, credentials: credentials(p) })));
  },
  async '@scaldwell77/aws-signed-fetch'(p) {
    const { createSignedFetch } = await import('@scaldwell77/aws-signed-fetch');
    await fetched(createSignedFetch({ service: p.service, awsRegion: region, awsCredentials: credentials(p) })(url(p), init(p)));
  },
  'fetch-aws4': (p) => fetched(require('fetch-aws4').default(url(p), { ...init(p), ...(p.body.length && { body: p.body.toString() }), service: p.service, region, credentials: credentials(p) })),
  async 'aws-sign-web'(p) {
    // It is for browsers and parses the URL with an anchor.
    globalThis.document = { createElement: () => ({ set href(u) { const { protocol, host, pathname, search } = new URL(u); Object.assign(this, { protocol, host, pathname, search }); } }) };
    const { AwsSigner } = require('aws-sign-web');
    const signer = new AwsSigner({ ...credentials(p), payloadSerializer: (data) => data, region, service: p.service });
    const signed = signer.sign({ method: p.method, url: url(p), headers: { ...p.headers }, data: p.body.toString() });
    if (!p.sessionToken) delete signed['x-amz-security-token'];
    await send(p, p.target, { ...p.headers, ...signed, host: p.address });
  },
  Postman(p) {
    const pairs = (values) => Object.entries(values).map(([key, value]) => ({ key, value, type: 'string' }));
    const request = {
      method: p.method, url: url(p), header: pairs(p.headers), ...(p.body.length && { body: { mode: 'raw', raw: p.body.toString() } }),
      auth: { type: 'awsv4', awsv4: pairs({ accessKey: p.accessKeyId, secretKey: p.secretAccessKey, sessionToken: p.sessionToken, region, service: p.service }) },
    };
    const schema = 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json';
    return new Promise((sent, failed) => require('newman').run({ collection: { info: { name: 'senders', schema }, item: [{ name: 'one', request }] }, timeout: 20000 },
      (error, summary) => (error ?? summary.run.executions[0].requestError ? failed(error ?? summary.run.executions[0].requestError) : sent())));
  },
};

const answers = [];
process.env.AWS_REGION = region;
for (const p of JSON.parse(readFileSync(0, 'utf8'))) {
  p.body = readFileSync(p.body);
  try {
    await senders[process.argv[2]](p);
    answers.push('');
  } catch (error) {
    answers.push(String(error));
  }
}
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
