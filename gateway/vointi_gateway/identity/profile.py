"""What is in a certificate, and what a request may ask for: a key, nothing else."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import IdentityError

#: A request of ours is 400 bytes; a larger one only costs time to read.
MAX_REQUEST = 4096
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def request_key(text: str) -> ec.EllipticCurvePublicKey:
    """The key of a PEM request, proved to be its sender's. Raises IdentityError.

    Subject and extensions are not read: who the certificate is for was decided before.
    """
    if len(text) > MAX_REQUEST:
        raise IdentityError("csr", f"is longer than {MAX_REQUEST} bytes; send a P-256 request")
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key = request.public_key()
        proved = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise IdentityError("csr", "is no PKCS#10 request in PEM; make one with P-256") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityError("csr", "must hold an EC P-256 key")
    if not proved:
        raise IdentityError("csr", "is not signed by its own key; sign it again")
    return key


def key_digest(key: ec.EllipticCurvePublicKey) -> bytes:
    """SHA-256 of the key as SubjectPublicKeyInfo."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).digest()


def edge_urn(edge: str) -> str:
    """The URI in an edge's certificate."""
    return f"urn:vointi:edge:{edge}"


def edge_names(edge: str) -> x509.SubjectAlternativeName:
    """The alternative name of an edge's certificate."""
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(edge_urn(edge))])


def server_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    """Host names and addresses of a server's certificate."""
    return x509.SubjectAlternativeName([_general(name) for name in names])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def common_name(text: str) -> x509.Name:
    """A subject that is a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    from_s: float,
    to_s: float,
) -> x509.CertificateBuilder:
    """A certificate with a random 159-bit serial; times are UTC seconds."""
    start = datetime.fromtimestamp(int(from_s), UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(seconds=int(to_s - from_s)))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def as_authority(
    made: x509.CertificateBuilder, below: int, usage: x509.ObjectIdentifier | None
) -> x509.CertificateBuilder:
    """Let it sign certificates (with `below` levels under it) of one usage, and lists."""
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
    made = made.add_extension(_usage(signs=True), critical=True)
    if usage is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return made


def as_leaf(
    made: x509.CertificateBuilder, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName
) -> x509.CertificateBuilder:
    """Let it prove `names` in TLS, for one usage."""
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(_usage(signs=False), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return made.add_extension(names, critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def signed_by(made: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Sign it, naming the signing key."""
    named = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return made.add_extension(named, critical=False).sign(key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    """The certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The private key as PEM (PKCS#8, not encrypted: its file is private)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
