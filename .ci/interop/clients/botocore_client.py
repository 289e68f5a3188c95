import http.client
import json
import sys

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

p = json.load(sys.stdin)
body = open(p["body"], "rb").read() if "body" in p else b""
request = AWSRequest(p["method"], "http://" + p["host"] + p["target"], headers=p.get("headers") or {}, data=body)
credentials = Credentials(p["accessKeyId"], p["secretAccessKey"], p.get("sessionToken"))
signer = S3SigV4Auth if p["service"] == "s3" else SigV4Auth
signer(credentials, p["service"], p["region"]).add_auth(request)
# Not by botocore's own session, which takes the address out of the URL.
connection = http.client.HTTPConnection(p["address"])
headers = {"Host": p["host"], **{k: v for k, v in request.headers.items()}}
connection.request(p["method"], p["target"], body=body, headers=headers)
answer = connection.getresponse()
json.dump({"status": answer.status, "text": answer.read().decode()}, sys.stdout)
