import { importPKCS8 } from 'jose';
import * as oidc from 'openid-client';
import { body, parameters as p, report } from './client.mjs';

const authentication = {
  basic: () => oidc.ClientSecretBasic(p.secret),
  post: () => oidc.ClientSecretPost(p.secret),
  private_key_jwt: async () => oidc.PrivateKeyJwt({ key: await importPKCS8(p.key, p.algorithm), kid: p.keyId }),
};
const metadata = { issuer: p.issuer, token_endpoint: p.tokenUrl };
const config = new oidc.Configuration(metadata, p.clientId, undefined, await authentication[p.method]());
oidc.allowInsecureRequests(config);
try {
  const { access_token } = await oidc.clientCredentialsGrant(config, { scope: p.scope });
  const answer = await oidc.fetchProtectedResource(config, access_token, new URL(p.url), 'POST', body,
    new Headers({ 'Content-Type': 'application/json' }));
  report(answer.status, await answer.text());
} catch (e) {
  if (!e.status) throw e;
  report(e.status, e.error ?? '');
}
