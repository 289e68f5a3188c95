"""The clients of Debian's Python. Each line of stdin is a step, and each line of stdout its
answer: see the type step of steps_test.go."""
import importlib.metadata
import json
import os
import sys
import time
import uuid

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import jwt
import oauthlib.oauth2
import requests
import requests_oauthlib
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JSON = {"Content-Type": "application/json"}


def parameters(p):
    return {name: p[name] for name in ("audience", "resource") if p.get(name)}


class RequestsOAuthlib:
    def __init__(self, p):
        self.p = p
        if p["method"].startswith("grant"):
            client = oauthlib.oauth2.ServiceApplicationClient(
                p["id"], private_key=p["key"], subject=p["subject"], issuer=p["id"],
                audience=p["assertionAudience"], scope=p["scopes"])
        else:
            client = oauthlib.oauth2.BackendApplicationClient(p["id"], scope=p["scopes"])
        self.session = requests_oauthlib.OAuth2Session(client=client)

    def fetch(self):
        p = self.p
        kwargs = parameters(p)
        if p["method"] == "grant":
            kwargs.update(include_client_id=True)
        elif p["method"] == "post":
            kwargs.update(client_secret=p["secret"], include_client_id=True)
        elif p["method"] == "basic, bytes":
            kwargs.update(auth=(p["id"].encode(), p["secret"].encode()))
        elif p["method"] == "basic":
            kwargs.update(client_secret=p["secret"])
        self.session.fetch_token(p["tokenUrl"], **kwargs)

    def send(self):
        return self.session.post(self.p["url"], data=self.p["body"].encode(), headers=JSON).status_code


class Authlib:
    def __init__(self, p):
        self.p = p
        scope = " ".join(p["scopes"] or []) or None
        if p["method"] == "grant":
            self.session = AssertionSession(
                p["tokenUrl"], p["id"], p["subject"], audience=p["assertionAudience"], scope=scope,
                header={"alg": p["algorithm"], "kid": p["keyId"]}, key=p["key"])
            return
        methods = {"basic": "client_secret_basic", "post": "client_secret_post"}
        assertion = p["method"].startswith("assertion")
        self.session = OAuth2Session(
            p["id"], p["key"] if assertion else p["secret"], scope=scope, token_endpoint=p["tokenUrl"],
            grant_type="client_credentials", token_endpoint_auth_method=methods.get(p["method"], "private_key_jwt"))

    def fetch(self):
        if self.p["method"] == "grant":
            self.session.refresh_token()
        else:
            if self.p["method"].startswith("assertion"):
                # With claims, one object signs the same jti again.
                claims = {"exp": int(time.time()) + 300} if self.p["method"] == "assertion, exp" else None
                self.session.register_client_auth_method(
                    PrivateKeyJWT(self.p["tokenUrl"], claims=claims, alg=self.p["algorithm"]))
            # It sends the configured scope for the authorization code alone.
            scope = {"scope": self.session.scope} if self.session.scope else {}
            self.session.fetch_token(**scope, **parameters(self.p))

    def send(self):
        return self.session.post(self.p["url"], data=self.p["body"].encode(), headers=JSON).status_code


class PyJWT:
    """The application makes its requests, and PyJWT the JWT."""

    def __init__(self, p):
        self.p = p

    def fetch(self):
        p, now = self.p, int(time.time())
        claims = {"iss": p["id"], "sub": p["subject"], "aud": p["assertionAudience"], "jti": str(uuid.uuid4()),
                  "iat": now, "exp": now + 300}
        self.token = jwt.encode(claims, p["key"], algorithm=p["algorithm"], headers={"kid": p["keyId"]})
        if p["method"] == "direct":
            return
        form = {"scope": " ".join(p["scopes"] or []), **parameters(p)}
        if p["method"] == "grant":
            form.update(grant_type=GRANT, assertion=self.token)
        else:
            form.update(grant_type="client_credentials", client_assertion=self.token,
                        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        response = requests.post(p["tokenUrl"], data=form)
        if response.status_code != 200:
            raise ValueError(response.json()["error"])
        self.token = response.json()["access_token"]

    def send(self):
        headers = {**JSON, "Authorization": "Bearer " + self.token}
        return requests.post(self.p["url"], data=self.p["body"].encode(), headers=headers).status_code


CLIENTS = {"requests-oauthlib": RequestsOAuthlib, "authlib": Authlib, "PyJWT": PyJWT}
for line in sys.stdin:
    p = json.loads(line)
    answer = {"version": importlib.metadata.version(p["client"])}
    try:
        if not p.get("again"):
            client = CLIENTS[p["client"]](p)
        if p.get("again") != "message":
            client.fetch()
        answer["status"] = client.send()
    except Exception as e:
        answer["error"] = repr(e)
    print(json.dumps(answer), flush=True)
