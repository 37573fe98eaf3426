"""Push tokens signed by a local key: good ones, and every kind of forgery known to us."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from shared.domain.documents import Json

AUDIENCE = "https://split-audio.example.run.app"
EMAIL = "pusher@video-moments.iam.gserviceaccount.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@dataclass(frozen=True)
class FixedKeys:
    """Signing keys without a server."""

    keys: Mapping[str, rsa.RSAPublicKey]

    def find(self, key_id: str) -> rsa.RSAPublicKey | None:
        """The key, or None."""
        return self.keys.get(key_id)


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    """An integer in a JWK's form."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def claims(**changes: Any) -> Json:
    """A good token's claims with changes; None removes a claim."""
    now = int(time.time())
    good = {
        "aud": AUDIENCE,
        "azp": "113774264463038321964",
        "email": EMAIL,
        "email_verified": True,
        "exp": now + 3600,
        "iat": now,
        "iss": "https://accounts.google.com",
        "sub": "113774264463038321964",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def mint(payload: object = None, header: object = None, key: rsa.RSAPrivateKey = KEY) -> str:
    """A signed token."""
    head = {"alg": "RS256", "kid": "k1", "typ": "JWT"} if header is None else header
    body = claims() if payload is None else payload
    signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{b64(signature)}"


def head(**changes: Any) -> Json:
    """A good token's header with changes; None removes a field."""
    good = {"alg": "RS256", "kid": "k1", "typ": "JWT", **changes}
    return {name: value for name, value in good.items() if value is not None}


def hmac_signed(secret: bytes) -> str:
    """Algorithm confusion: the public key used as a shared secret."""
    signed = f"{b64(json.dumps(head(alg='HS256')).encode())}.{b64(json.dumps(claims()).encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def swapped_payload() -> str:
    """A good token's signature with other claims."""
    first, _, last = mint(claims(email="eve@example.com")).split(".")
    return f"{first}.{b64(json.dumps(claims()).encode())}.{last}"


def elliptic() -> str:
    """A token signed by a key of another kind."""
    signed = f"{b64(json.dumps(head(alg='ES256')).encode())}.{b64(json.dumps(claims()).encode())}"
    signature = ec.generate_private_key(ec.SECP256R1()).sign(
        signed.encode(), ec.ECDSA(hashes.SHA256())
    )
    return f"{signed}.{b64(signature)}"


def own_jwk() -> str:
    """A token with its own key in the header."""
    public = OTHER_KEY.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
    return mint(header=head(jwk=jwk), key=OTHER_KEY)


def unsigned(alg: str) -> str:
    """A token without a signature."""
    return f"{b64(json.dumps(head(alg=alg)).encode())}.{b64(json.dumps(claims()).encode())}."


def bearer(token: str) -> str:
    """The Authorization header."""
    return f"Bearer {token}"


NOW = int(time.time())
HOUR = 3600
PAST = {"iat": NOW - 2 * HOUR, "exp": NOW - HOUR}
FORGED: dict[str, tuple[int, Callable[[], str | None]]] = {
    "no header": (401, lambda: None),
    "empty header": (401, lambda: ""),
    "basic": (401, lambda: "Basic " + base64.b64encode(b"a:b").decode()),
    "bearer only": (401, lambda: "Bearer"),
    "token without scheme": (401, mint),
    "two tokens": (401, lambda: f"Bearer {mint()}, Bearer {mint()}"),
    "not a jwt": (401, lambda: bearer("abc")),
    "two segments": (401, lambda: bearer(mint().rpartition(".")[0])),
    "four segments": (401, lambda: bearer(mint() + ".x")),
    "signature cut": (401, lambda: bearer(mint()[:-20])),
    "signature empty": (401, lambda: bearer(mint().rpartition(".")[0] + ".")),
    "signature removed by Cloud Run": (
        401,
        lambda: bearer(mint().rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"),
    ),
    "signature with junk": (401, lambda: bearer(mint() + "!")),
    "another key": (401, lambda: bearer(mint(key=OTHER_KEY))),
    "another key brought along": (401, lambda: bearer(own_jwk())),
    "payload swapped": (401, lambda: bearer(swapped_payload())),
    "alg none": (401, lambda: bearer(unsigned("none"))),
    "alg None": (401, lambda: bearer(unsigned("None"))),
    "alg none with signature": (401, lambda: bearer(mint(header=head(alg="none")))),
    "alg HS256 with the public key": (401, lambda: bearer(hmac_signed(PUBLIC_PEM))),
    "alg HS256 with nothing": (401, lambda: bearer(hmac_signed(b""))),
    "alg RS512": (401, lambda: bearer(mint(header=head(alg="RS512")))),
    "alg ES256": (401, lambda: bearer(elliptic())),
    "alg missing": (401, lambda: bearer(mint(header=head(alg=None)))),
    "alg a list": (401, lambda: bearer(mint(header=head(alg=["RS256"])))),
    "critical extension": (401, lambda: bearer(mint(header=head(crit=["exp"])))),
    "kid unknown": (401, lambda: bearer(mint(header=head(kid="k9")))),
    "kid missing": (401, lambda: bearer(mint(header=head(kid=None)))),
    "kid a path": (401, lambda: bearer(mint(header=head(kid="../../dev/null")))),
    "kid a number": (401, lambda: bearer(mint(header=head(kid=1)))),
    "kid of an encryption key": (401, lambda: bearer(mint(header=head(kid="enc")))),
    "header no object": (401, lambda: bearer(mint(header=["RS256"]))),
    "payload no object": (401, lambda: bearer(mint(payload=["x"]))),
    "expired": (401, lambda: bearer(mint(claims(**PAST)))),
    "no expiry": (401, lambda: bearer(mint(claims(exp=None)))),
    "expiry a text": (401, lambda: bearer(mint(claims(exp=str(NOW + HOUR))))),
    "expiry true": (401, lambda: bearer(mint(claims(exp=True)))),
    "expiry NaN": (401, lambda: bearer(mint(claims(exp=float("nan"))))),
    "expiry infinite": (401, lambda: bearer(mint(claims(exp=float("inf"))))),
    "lives for a year": (401, lambda: bearer(mint(claims(exp=NOW + 365 * 24 * HOUR)))),
    "no issue time": (401, lambda: bearer(mint(claims(iat=None)))),
    "issued tomorrow": (
        401,
        lambda: bearer(mint(claims(iat=NOW + 24 * HOUR, exp=NOW + 25 * HOUR))),
    ),
    "not before tomorrow": (401, lambda: bearer(mint(claims(nbf=NOW + 24 * HOUR)))),
    "not before a text": (401, lambda: bearer(mint(claims(nbf="0")))),
    "issuer another": (401, lambda: bearer(mint(claims(iss="https://evil.example.com")))),
    "issuer alike": (401, lambda: bearer(mint(claims(iss="https://accounts.google.com.evil.de")))),
    "issuer plain http": (401, lambda: bearer(mint(claims(iss="http://accounts.google.com")))),
    "issuer missing": (401, lambda: bearer(mint(claims(iss=None)))),
    "issuer a list": (401, lambda: bearer(mint(claims(iss=["accounts.google.com"])))),
    "audience another": (401, lambda: bearer(mint(claims(aud="https://other.example.run.app")))),
    "audience longer": (401, lambda: bearer(mint(claims(aud=AUDIENCE + "/")))),
    "audience missing": (401, lambda: bearer(mint(claims(aud=None)))),
    "audience a list": (401, lambda: bearer(mint(claims(aud=[AUDIENCE, "x"])))),
    "too long": (401, lambda: bearer(mint(claims(pad="x" * 9000)))),
    "email another": (403, lambda: bearer(mint(claims(email="eve@example.com")))),
    "email in capitals": (403, lambda: bearer(mint(claims(email=EMAIL.upper())))),
    "email missing": (403, lambda: bearer(mint(claims(email=None)))),
    "email a list": (403, lambda: bearer(mint(claims(email=[EMAIL])))),
    "email unverified": (403, lambda: bearer(mint(claims(email_verified=False)))),
    "email verified a text": (403, lambda: bearer(mint(claims(email_verified="true")))),
    "email verified missing": (403, lambda: bearer(mint(claims(email_verified=None)))),
}
GOOD: dict[str, Callable[[], str]] = {
    "plain": lambda: bearer(mint()),
    "short issuer": lambda: bearer(mint(claims(iss="accounts.google.com"))),
    "scheme in lower case": lambda: "bearer " + mint(),
    "clock a little behind": lambda: bearer(mint(claims(iat=int(time.time()) + 10))),
    "just expired": lambda: bearer(mint(claims(iat=NOW - HOUR, exp=int(time.time()) - 5))),
    "with nbf": lambda: bearer(mint(claims(nbf=NOW - 5))),
    "second key": lambda: bearer(mint(header=head(kid="k2"), key=OTHER_KEY)),
}


def jwk(key: rsa.RSAPrivateKey, key_id: str, use: str = "sig") -> Json:
    """The public half as a JWK."""
    public = key.public_key().public_numbers()
    numbers = {"n": number(public.n), "e": number(public.e)}
    return {"kty": "RSA", "alg": "RS256", "use": use, "kid": key_id, **numbers}
