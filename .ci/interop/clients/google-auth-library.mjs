import { ExternalAccountClient, IdTokenClient, Impersonated, JWT } from 'google-auth-library';
import { body, parameters as p, report } from './client.mjs';

const cloud = 'https://www.googleapis.com/auth/cloud-platform';

function serviceAccount(options) {
  const client = new JWT({ email: p.email, key: p.key, keyId: p.keyId, ...options });
  const request = client.transporter.request.bind(client.transporter);
  // This client alone has a fixed token URL.
  client.transporter.request = (o) =>
    request(String(o.url) === 'https://oauth2.googleapis.com/token' ? { ...o, url: p.tokenUrl } : o);
  return client;
}

function external(options) {
  return ExternalAccountClient.fromJSON({
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/redox',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: p.tokenUrl,
    scopes: [cloud],
    credential_source: { file: p.subjectToken },
    ...options,
  });
}

const clients = {
  'access token': () => serviceAccount({ scopes: p.scopes, subject: p.subject }),
  'ID token': () => new IdTokenClient({ targetAudience: p.audience, idTokenProvider: serviceAccount() }),
  'self-signed': () => serviceAccount(),
  impersonated: () => external({ service_account_impersonation_url: p.impersonationUrl, scopes: p.scopes }),
  federated: () => external(),
  'impersonated ID token': () => new IdTokenClient({
    targetAudience: p.audience,
    idTokenProvider: new Impersonated({
      sourceClient: external(), targetPrincipal: p.email, targetScopes: [cloud], delegates: [], lifetime: 3600,
      endpoint: new URL(p.tokenUrl).origin,
    }),
  }),
};
try {
  const answer = await clients[p.kind]().request({
    url: p.url, method: 'POST', body, headers: { 'Content-Type': 'application/json' },
    validateStatus: () => true, retry: false, responseType: 'text',
  });
  report(answer.status, answer.data);
} catch (e) {
  if (!e.response) throw e;
  report(e.response.status, e.response.data?.error ?? ''); // a refusal of the token endpoint
}
