"""Sends the requests of stdin with the sender that the argument names."""
import http.client
import io
import json
import sys

REGION = "us-east-1"


def send(p, target, headers):
    """Sends a request as it is."""
    connection = http.client.HTTPConnection(p["address"], timeout=20)
    connection.putrequest(p["method"], target, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": p["address"], "Content-Length": str(len(p["body"])), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(p["body"])
    connection.getresponse().read()


def botocore(p, session=False):
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    request = AWSRequest(p["method"], "http://" + p["address"] + p["target"], headers=p["headers"], data=p["body"])
    signer = S3SigV4Auth if p["service"] == "s3" else SigV4Auth
    signer(Credentials(p["accessKeyId"], p["secretAccessKey"], p["sessionToken"] or None), p["service"], REGION).add_auth(request)
    if session:
        from botocore.httpsession import URLLib3Session
        URLLib3Session().send(request.prepare())
    else:
        send(p, p["target"], dict(request.headers.items()))


def awscrt(p):
    from awscrt.auth import AwsCredentialsProvider, AwsSignatureType, AwsSignedBodyHeaderType, AwsSigningAlgorithm, AwsSigningConfig, aws_sign_request
    from awscrt.http import HttpHeaders, HttpRequest
    payload = p["headers"].pop("X-Amz-Content-Sha256", None)
    request = HttpRequest(p["method"], p["target"], HttpHeaders([("Host", p["address"]), *p["headers"].items()]), io.BytesIO(p["body"]))
    s3 = p["service"] == "s3"
    config = AwsSigningConfig(
        algorithm=AwsSigningAlgorithm.V4, signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=AwsCredentialsProvider.new_static(p["accessKeyId"], p["secretAccessKey"], p["sessionToken"] or None),
        region=REGION, service=p["service"], use_double_uri_encode=not s3, should_normalize_uri_path=not s3,
        signed_body_value=payload, signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256 if payload else AwsSignedBodyHeaderType.NONE)
    signed = aws_sign_request(request, config).result(10)
    send(p, signed.path, dict(signed.headers))


def aws_requests_auth(p):
    import requests
    from aws_requests_auth.aws_auth import AWSRequestsAuth
    auth = AWSRequestsAuth(aws_access_key=p["accessKeyId"], aws_secret_access_key=p["secretAccessKey"], aws_token=p["sessionToken"] or None,
                           aws_host=p["address"], aws_region=REGION, aws_service=p["service"])
    requests.request(p["method"], "http://" + p["address"] + p["target"], data=p["body"], headers=p["headers"], auth=auth, timeout=20)


def boto(p):
    from boto.auth import HmacAuthV4Handler
    from boto.connection import HTTPRequest
    from boto.provider import Provider
    path, (host, port) = p["target"].split("?")[0], p["address"].split(":")
    handler = HmacAuthV4Handler(host, None, Provider("aws", p["accessKeyId"], p["secretAccessKey"], p["sessionToken"] or None),
                                service_name=p["service"], region_name=REGION)
    request = HTTPRequest(p["method"], "http", p["address"], int(port), path, path, {}, dict(p["headers"]), p["body"])
    request.host = host
    handler.add_auth(request)
    send(p, p["target"], request.headers)


SENDERS = {
    "botocore": botocore,
    "botocore's session": lambda p: botocore(p, session=True),
    "awscrt (Python)": awscrt,
    "aws-requests-auth": aws_requests_auth,
    "boto 2": boto,
}

answers = []
for p in json.load(sys.stdin):
    with open(p["body"], "rb") as file:
        p["body"] = file.read()
    try:
        SENDERS[sys.argv[1]](p)
        answers.append("")
    except Exception as error:
        answers.append(repr(error))
json.dump(answers, sys.stdout)
