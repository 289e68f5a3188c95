import json
import sys

import google.auth.exceptions
import google.auth.transport.urllib3
import google.oauth2.service_account
import urllib3

p = json.load(sys.stdin)
account = {"client_email": p["email"], "private_key": p["key"], "private_key_id": p["keyId"], "token_uri": p["tokenUrl"]}
credentials = google.oauth2.service_account.Credentials.from_service_account_info(account, subject=p["email"])
pool = urllib3.PoolManager()
try:
    credentials.refresh(google.auth.transport.urllib3.Request(pool))
    headers = {"Content-Type": "application/json"}
    credentials.apply(headers)
    answer = pool.request("POST", p["url"], headers=headers, body=open(p["body"], "rb").read())
    json.dump({"status": answer.status, "text": answer.data.decode()}, sys.stdout)
except google.auth.exceptions.RefreshError as e:
    # Of the token endpoint's answer it keeps the error alone.
    json.dump({"status": 400, "text": str(e.args)}, sys.stdout)
