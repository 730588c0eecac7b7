"""A certificate authority of one folder for the tests, made with openssl: ca.pem, a server's key and certificate for
127.0.0.1 and localhost, and a client's. Valid for 30 days; the keys are worth nothing."""
import pathlib
import subprocess


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr[-1000:]}")


def signed(folder, name, extensions):
    key, request, certificate = (folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
    (folder / f"{name}.ext").write_text(extensions)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
    openssl("x509", "-req", "-in", str(request), "-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"),
            "-CAcreateserial", "-days", "30", "-extfile", str(folder / f"{name}.ext"), "-out", str(certificate))
    # What a JVM takes as a PEM key store: the key first, then its chain.
    (folder / f"{name}.store.pem").write_text(key.read_text() + certificate.read_text())


def make(folder):
    """Fills `folder`: ca.pem, {server,client}.{key,pem,store.pem}. Does nothing when it is filled already."""
    folder = pathlib.Path(folder)
    if (folder / "client.store.pem").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=keng tests",
            "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"))
    signed(folder, "server", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
    signed(folder, "client", "extendedKeyUsage=clientAuth\n")
