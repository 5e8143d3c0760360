"""Serves authlib over https: passwords, devices, and refresh tokens that rotate.

The only argument is a JSON file, as oidc/server.mjs takes it, with `users` besides: names
and passwords. A refresh token that is sent after it was used up ends all tokens that came
of the same login.
"""

import json
import socket
import sys
import time

import flask
from authlib.common.security import generate_token
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from control import Control
from models import Client, Device, Tokens
from werkzeug.serving import WSGIRequestHandler, make_server

with open(sys.argv[1]) as file:
    settings = json.load(file)
clients = {
    id: Client(id, known["life"], known["secret"], known["metadata"])
    for id, known in settings["clients"].items()
}
users = settings["users"]
tokens = Tokens()
devices = {}  # by their device codes
decisions = {}  # user code -> (user, whether they let the device in)
control = Control()
app = flask.Flask("provider")


def save_token(answer, request):
    """Keeps a token with what it was refreshed from."""
    before = getattr(request, "refresh_token", None)
    tokens.save(answer, request.client, request.user or before.user, before)


class Password(grants.ResourceOwnerPasswordCredentialsGrant):
    """RFC 6749, section 4.3."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

    def authenticate_user(self, username, password):
        return username if users.get(username) == password else None


class Refresh(grants.RefreshTokenGrant):
    """RFC 6749, section 6."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        return tokens.exchange(refresh_token, lambda: flask.g.entry.update(reused=True))

    def authenticate_user(self, refresh_token):
        return refresh_token.user

    def revoke_old_credential(self, refresh_token):
        """It was marked as used when it was looked up."""


class DeviceCode(DeviceCodeGrant):
    """RFC 8628, section 3.4."""

    def query_device_credential(self, device_code):
        return devices.get(device_code)

    def query_user_grant(self, user_code):
        return decisions.get(user_code)

    def should_slow_down(self, credential):
        return credential.is_polled_too_soon()


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """RFC 8628, section 3.1."""

    def get_verification_uri(self):
        return flask.url_for("verify", _external=True)

    def save_device_credential(self, client_id, scope, data):
        # The answer is this very dictionary.
        data.update(clients[client_id].device)
        expires_at = time.time() + data["expires_in"]
        device = Device(client_id=client_id, scope=scope, expires_at=expires_at, **data)
        devices[data["device_code"]] = device
        data.pop("hasty", None)


class Revocation(RevocationEndpoint):
    """RFC 7009."""

    def query_token(self, token_string, token_type_hint):
        return tokens.find(token_string)

    def revoke_token(self, token, request):
        if request.form["token"] == token.answer.get("refresh_token"):
            token.family.ended = True
        token.revoked = True


class Introspection(IntrospectionEndpoint):
    """RFC 7662."""

    CLIENT_AUTH_METHODS = ["client_secret_post"]

    def check_permission(self, token, client, request):
        return client.id == "inspector"

    def query_token(self, token_string, token_type_hint):
        return tokens.find(token_string)

    def introspect_token(self, token):
        return {"client_id": token.client.id, "username": token.user, "scope": token.get_scope()}


def random(**_):
    """Makes a token of 48 letters and digits."""
    return generate_token(48)


server = AuthorizationServer(app, query_client=clients.get, save_token=save_token)
lives = BearerTokenGenerator(random, random, lambda client, _grant: client.life)
server.register_token_generator("default", lives)
for grant in (Password, Refresh, DeviceCode):
    server.register_grant(grant)
for endpoint in (DeviceAuthorization, Revocation, Introspection):
    server.register_endpoint(endpoint)


@app.post("/token")
def token():
    flask.g.entry = control.begin(flask.request)
    try:
        if not control.passes("request", flask.g.entry):
            return hang_up()
        response = server.create_token_response()
        said = response.get_json()
        told = {key: said.get(key) for key in ("access_token", "refresh_token", "error")}
        flask.g.entry.update(told, status=response.status_code)
        return response if control.passes("answer", flask.g.entry) else hang_up()
    finally:
        control.end()


@app.post("/device_authorization")
def authorize_device():
    return server.create_endpoint_response(DeviceAuthorization.ENDPOINT_NAME)


@app.post("/token/revocation")
def revoke():
    return server.create_endpoint_response(Revocation.ENDPOINT_NAME)


@app.post("/token/introspection")
def introspect():
    return server.create_endpoint_response(Introspection.ENDPOINT_NAME)


@app.route("/device", methods=["GET", "POST"])
def verify():
    """Takes what a person says who reads the code from the device."""
    if flask.request.method == "GET":
        return (
            "<form method=post><input name=user_code><input name=username>"
            "<input name=password type=password>"
            "<button name=decision value=allow><button name=decision value=deny></form>"
        )
    form = flask.request.form
    code = form["user_code"].strip().upper()
    waiting = any(d["user_code"] == code and not d.is_expired() for d in devices.values())
    if not waiting or users.get(form["username"]) != form["password"]:
        return "This isn't right.", 403
    decisions[code] = (form["username"], form["decision"] == "allow")
    return "Thank you. Go back to your device."


@app.get("/control/<what>")
def answer(what):
    """Does what the suite wants."""
    query = flask.request.args
    if what == "grant":
        client = clients[query["client"]]
        answer = lives("password", client, scope=query.get("scope"))
        tokens.save(answer, client, next(iter(users)))
        return {"refresh_token": answer["refresh_token"]}
    return flask.jsonify(control.answer(what, query))


def hang_up():
    """Ends the connection without an answer."""
    flask.request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return ""


class Handler(WSGIRequestHandler):
    """Keeps connections open, as servers do."""

    protocol_version = "HTTP/1.1"


certificate = (settings["cert"], settings["key"])
how = {"threaded": True, "request_handler": Handler, "ssl_context": certificate}
listening = make_server("127.0.0.1", 0, app, **how)
print(f"serving https://localhost:{listening.server_port}", flush=True)
listening.serve_forever()
