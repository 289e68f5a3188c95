// The clients of npm. Each line of stdin is a step, and each line of stdout its answer:
// see the type step of steps_test.go.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import readline from 'node:readline';
import { OAuth2Client, OAuth2Fetch } from '@badgateway/oauth2-client';
import ClientOAuth2 from 'client-oauth2';
import { importPKCS8, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { ClientCredentials } from 'simple-oauth2';

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const json = { 'Content-Type': 'application/json' };

async function sendWith(p, token) {
  const headers = { ...json, Authorization: `Bearer ${token}` };
  return (await fetch(p.url, { method: 'POST', body: p.body, headers })).status;
}

// statusOf is for clients that throw an answer with a challenge.
async function statusOf(response) {
  try {
    return (await response).status;
  } catch (e) {
    if (!e.status) throw e;
    return e.status;
  }
}

// assertion is a JWT that the application makes with jose.
async function assertion(p) {
  const { algorithm: alg, keyId: kid } = p;
  return new SignJWT({ iss: p.id, sub: p.subject, aud: p.assertionAudience, jti: randomUUID() })
    .setProtectedHeader({ alg, kid })
    .setIssuedAt()
    .setExpirationTime('300s')
    .sign(await importPKCS8(p.key, alg));
}

// parameters are those of a token request that have a value.
function parameters(p) {
  const all = { scope: p.scopes?.join(' '), audience: p.audience, resource: p.resource };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value));
}

const make = {
  'openid-client'(p) {
    let token;
    const authentication = {
      basic: () => oidc.ClientSecretBasic(p.secret),
      post: () => oidc.ClientSecretPost(p.secret),
      assertion: async () => oidc.PrivateKeyJwt({ key: await importPKCS8(p.key, p.algorithm), kid: p.keyId }),
      grant: () => oidc.None(),
    };
    let config;
    return {
      async fetch() {
        const metadata = { issuer: p.issuer, token_endpoint: p.tokenUrl };
        config = new oidc.Configuration(metadata, p.id, undefined, await authentication[p.method]());
        oidc.allowInsecureRequests(config);
        token = p.method === 'grant'
          ? await oidc.genericGrantRequest(config, jwtBearer, { assertion: await assertion(p), ...parameters(p) })
          : await oidc.clientCredentialsGrant(config, parameters(p));
      },
      send: () => statusOf(oidc.fetchProtectedResource(config, token.access_token, new URL(p.url), 'POST', p.body, new Headers(json))),
    };
  },

  oauth4webapi(p) {
    let token;
    const insecure = { [oauth.allowInsecureRequests]: true };
    const server = { issuer: p.issuer, token_endpoint: p.tokenUrl };
    const client = { client_id: p.id };
    const authentication = {
      basic: () => oauth.ClientSecretBasic(p.secret),
      post: () => oauth.ClientSecretPost(p.secret),
      assertion: async () => oauth.PrivateKeyJwt({ key: await importPKCS8(p.key, p.algorithm), kid: p.keyId }),
      grant: () => oauth.None(),
    };
    return {
      async fetch() {
        const auth = await authentication[p.method]();
        if (p.method === 'grant') {
          const form = new URLSearchParams({ assertion: await assertion(p), ...parameters(p) });
          const response = await oauth.genericTokenEndpointRequest(server, client, auth, jwtBearer, form, insecure);
          token = await oauth.processGenericTokenEndpointResponse(server, client, response);
        } else {
          const response = await oauth.clientCredentialsGrantRequest(server, client, auth, new URLSearchParams(parameters(p)), insecure);
          token = await oauth.processClientCredentialsResponse(server, client, response);
        }
      },
      send: () => statusOf(oauth.protectedResourceRequest(token.access_token, 'POST', new URL(p.url), new Headers(json), p.body, insecure)),
    };
  },

  'simple-oauth2'(p) {
    let token;
    const { origin, pathname } = new URL(p.tokenUrl);
    const client = new ClientCredentials({
      client: { id: p.id, secret: p.secret },
      auth: { tokenHost: origin, tokenPath: pathname },
      options: {
        authorizationMethod: p.method.startsWith('basic') ? 'header' : 'body',
        bodyFormat: p.method === 'json' ? 'json' : 'form',
        credentialsEncodingMode: p.method === 'basic, loose' ? 'loose' : 'strict',
      },
    });
    return {
      fetch: async () => { token = await client.getToken(parameters(p)); },
      send: () => sendWith(p, token.token.access_token),
    };
  },

  'client-oauth2'(p) {
    let token;
    const { scope, ...body } = parameters(p);
    const client = new ClientOAuth2({
      ...(p.method !== 'grant' && { clientId: p.id, clientSecret: p.secret }),
      accessTokenUri: p.tokenUrl, scopes: p.scopes ?? undefined, body,
    });
    return {
      fetch: async () => {
        token = p.method.startsWith('grant') ? await client.jwt.getToken(await assertion(p)) : await client.credentials.getToken();
      },
      async send() {
        const signed = token.sign({ method: 'POST', url: p.url, headers: json });
        return (await fetch(p.url, { ...signed, body: p.body })).status;
      },
    };
  },

  '@badgateway/oauth2-client'(p) {
    const methods = { basic: 'client_secret_basic', 'basic, interop': 'client_secret_basic_interop', post: 'client_secret_post' };
    const client = new OAuth2Client({
      tokenEndpoint: p.tokenUrl, clientId: p.id, clientSecret: p.secret, authenticationMethod: methods[p.method],
    });
    const session = new OAuth2Fetch({
      client,
      getNewToken: () => client.clientCredentials({
        scope: p.scopes ?? undefined, resource: p.resource, extraParams: p.audience ? { audience: p.audience } : undefined,
      }),
    });
    return {
      fetch: () => session.refreshToken(),
      send: async () => (await session.fetch(p.url, { method: 'POST', body: p.body, headers: json })).status,
    };
  },

  // The application makes its requests, and jose the JWT.
  jose(p) {
    let token;
    return {
      async fetch() {
        token = await assertion(p);
        if (p.method === 'direct') return;
        const body = p.method === 'grant'
          ? { grant_type: jwtBearer, assertion: token }
          : {
            grant_type: 'client_credentials', client_assertion: token,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          };
        const response = await fetch(p.tokenUrl, { method: 'POST', body: new URLSearchParams({ ...body, ...parameters(p) }) });
        const answer = await response.json();
        if (!response.ok) throw new Error(answer.error);
        token = answer.access_token;
      },
      send: () => sendWith(p, token),
    };
  },
};

// shown is all that an application can learn from an error.
function shown(e) {
  const body = e.body ?? e.data?.payload ?? e.cause;
  return [e.message, e.error, e.oauth2Code, JSON.stringify(body)].filter(Boolean).join(' ');
}

let client;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const p = JSON.parse(line);
  const { version } = JSON.parse(readFileSync(`node_modules/${p.client}/package.json`, 'utf8'));
  const answer = { version };
  try {
    if (!p.again) client = make[p.client](p);
    if (p.again !== 'message') await client.fetch();
    answer.status = await client.send();
  } catch (e) {
    answer.error = shown(e);
  }
  console.log(JSON.stringify(answer));
}
