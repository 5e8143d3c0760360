"""git, skopeo, kubectl, AWS's library and readers of a netrc get their tokens from tokend-cli."""

import json
import netrc
import subprocess
from pathlib import Path

import process
from checks.curl import add_toggle, sh
from report import equal, require

SOURCE = Path(__file__).parents[1] / "tools"
PASSWORD = "pa\"s's\\w:ord#$%41"


def install(work):
    """Installs AWS's library beside what else Python needs."""
    pip = [str(work / "venv/bin/pip"), "install", "--disable-pip-version-check"]
    process.run([*pip, "--requirement", str(SOURCE / "requirements.txt")])


def run(report, near, site, cluster, tools, work):
    """Has each tool ask for a token, and the server take it."""
    with report.check("the credentials for tools are there", essential=True):
        add_toggle(near, "forge", site)
        basic = ["add", "basic", "--provider=static-basic", f"--var=url={site.url}/git"]
        near.cli(*basic, "--var=username=ann", "--secret-stdin=password", secret=PASSWORD)
        site.users["ann"] = PASSWORD
    run_git(report, near, site, tools, work)
    run_docker(report, near, site, tools, work)
    run_netrc(report, site, tools, work)
    run_kubectl(report, cluster, tools, work)
    run_aws(report, near, site, tools, work)


def run_git(report, near, site, tools, work):
    """Reads from a server that wants a password, which git's own program is."""
    origin = site.repositories / "demo.git"
    url = f"{site.url}/git/demo.git"
    git = {**tools, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}

    def read(helper, expect=0):
        command = ["git", "-c", f"credential.helper={helper}", "ls-remote", url]
        ended = subprocess.run(command, env=git, capture_output=True, text=True, timeout=60)
        equal(ended.returncode == 0, expect == 0, f"whether git can read: {ended.stderr!r}")
        return ended

    with report.check("git has a repository to read", essential=True):
        identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
        process.run(["git", "init", "-q", "--bare", str(origin)], env=git)
        process.run(["git", "init", "-q", str(work / "origin")], env=git)
        at = ["git", "-C", str(work / "origin"), *identity]
        process.run([*at, "commit", "-q", "--allow-empty", "-m", "one"], env=git)
        process.run([*at, "push", "-q", str(origin), "HEAD:refs/heads/main"], env=git)

    with report.check("git gets nothing for a host that nothing says it is for"):
        read("tokend", expect=1)

    with report.check("git reads with the token, for one of the token's own hosts"):
        require("refs/heads/main" in read("tokend --credential forge").stdout, "no branch")

    with report.check("what git is refused with is reported, and the next try has another token"):
        site.forget()
        logins = site.logins
        read("tokend --credential forge", expect=1)
        equal(site.logins, logins + 1, "logins")
        read("tokend --credential forge")
        equal(site.logins, logins + 1, "logins")

    with report.check("git clones with the credential that the file of hosts names"):
        hosts = Path(tools["HOME"], ".config/tokend/hosts")
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text(f"# for the tools\n{site.host} forge someone\n")
        command = ["git", "-c", "credential.helper=tokend", "clone", "-q", url]
        process.run([*command, str(work / "clone")], env=git)

    version = process.run(["git", "version"], env=git).split()[2].split(".")
    if (int(version[0]), int(version[1])) >= (2, 46):
        with report.check("git sends the token as it is to a server that takes no password"):
            bearer = ["-c", "credential.helper=tokend", "ls-remote", f"{site.url}/bearer/demo.git"]
            require("refs/heads/main" in process.run(["git", *bearer], env=git), "no branch")

    with report.check("git takes what --format git prints"):
        helper = '!f() { test "$1" != get || tokend-cli get basic --format git; }; f'
        read(helper)

    with report.check("a password that tokend hasn't given costs no token"):
        logins = site.logins
        given = f"protocol=http\nhost={site.host}\nusername=x\npassword=typed\n\n"
        command = ["git", "-c", "credential.helper=tokend", "credential", "reject"]
        ended = subprocess.run(command, input=given, env=git, capture_output=True, text=True)
        equal((ended.returncode, site.logins), (0, logins), f"the end: {ended.stderr!r}")


def run_docker(report, near, site, tools, work):
    """Reads a registry by skopeo, which calls helpers as docker does."""
    auth = work / "auth.json"
    docker = {**tools, "REGISTRY_AUTH_FILE": str(auth)}
    tags = ["skopeo", "list-tags", "--tls-verify=false", f"docker://{site.host}/demo"]

    with report.check("skopeo reads a registry with the token"):
        auth.write_text(json.dumps({"credHelpers": {site.host: "tokend"}}))
        equal(json.loads(process.run(tags, env=docker))["Tags"], ["one"], "the tags")
        said = process.run(["skopeo", "login", "--get-login", site.host], env=docker)
        equal(said.strip(), "someone", "the user's name")

    with report.check("skopeo goes on without a login where tokend has none"):
        other = site.host.replace("127.0.0.1", "localhost")
        auth.write_text(json.dumps({"credHelpers": {other: "tokend"}}))
        ended = subprocess.run(
            [*tags[:-1], f"docker://{other}/demo"], env=docker, capture_output=True, text=True
        )
        # It has asked, and the registry wanted to know who asks.
        require("authentication required" in ended.stderr or "unauthorized" in ended.stderr, ended)

    with report.check("skopeo can't store a login with tokend, and is told so"):
        auth.write_text(json.dumps({"credHelpers": {site.host: "tokend"}}))
        login = ["skopeo", "login", "--tls-verify=false", "-u", "ann", "-p", PASSWORD, site.host]
        ended = subprocess.run(login, env=docker, capture_output=True, text=True)
        require(ended.returncode != 0, "skopeo believes that it has stored it")
        require("takes no logins" in ended.stderr, ended.stderr)
        equal(json.loads(auth.read_text()).get("auths"), None, "what is stored")


def run_netrc(report, site, tools, work):
    """Reads an entry by curl and by Python."""
    with report.check("curl and Python read what --format netrc prints"):
        ask = "curl -sSf --netrc-file <(tokend-cli get basic --format netrc) \"$1\""
        said = sh(ask, tools, f"{site.url}/v2/demo/tags/list")
        equal(json.loads(said)["tags"], ["one"], "the answer")
        file = work / "netrc"
        file.touch(0o600)
        file.write_text(sh("tokend-cli get basic --format netrc", tools))
        equal(netrc.netrc(file).authenticators("127.0.0.1"), ("ann", "", PASSWORD), "the entry")


def run_kubectl(report, cluster, tools, work):
    """Asks a cluster by kubectl, in each version of the contract that it knows."""
    kubectl = {**tools, "KUBECONFIG": str(work / "kubeconfig")}
    version = json.loads(process.run(["kubectl", "version", "--client", "-o", "json"], env=kubectl))
    minor = int(version["clientVersion"]["minor"].rstrip("+"))
    for api in ["v1beta1", "v1"] if minor >= 22 else ["v1beta1"]:
        with report.check(f"kubectl presents the token to its cluster, by {api}"):
            exec = {
                "apiVersion": f"client.authentication.k8s.io/{api}",
                "command": "tokend-cli",
                "args": ["get", "forge", "--format", "kubernetes"],
                "interactiveMode": "Never",
            }
            server = {"server": cluster.url, "certificate-authority": str(work / "ca.pem")}
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
                "clusters": [{"name": "it", "cluster": server}],
                "users": [{"name": "me", "user": {"exec": exec}}],
            }
            # YAML takes JSON.
            Path(kubectl["KUBECONFIG"]).write_text(json.dumps(config))
            said = process.run(["kubectl", "get", "--raw", "/version"], env=kubectl)
            equal(json.loads(said)["gitVersion"], "v1.30.0", "the answer")


def run_aws(report, near, site, tools, work):
    """Has AWS's library run its process."""
    config = work / "aws"
    aws = {**tools, "AWS_CONFIG_FILE": str(config), "AWS_EC2_METADATA_DISABLED": "true"}

    def keys(name):
        line = f"credential_process = tokend-cli get {name} --format aws"
        config.write_text(f"[profile it]\n{line}\n")
        program = [str(work / "venv/bin/python"), "-B", str(SOURCE / "keys.py"), "it"]
        return json.loads(process.run(program, env=aws))

    with report.check("AWS's library gets temporary keys, and knows when they end"):
        add = ["add", "sts", "--provider=sts", f"--var=url={site.url}/sts"]
        near.cli(*add, "--secret-stdin=password", secret="x")
        seen = keys("sts")
        expected = ["custom-process", "AKINTEROP", "s/e+c=ret", "s\"e'ss"]
        equal(seen[:4], expected, "the keys")
        equal(seen[4], site.keys_end.isoformat(), "the end")

    with report.check("AWS's library gets keys that are a name and a password"):
        equal(keys("basic"), ["custom-process", "ann", PASSWORD, None, None], "the keys")
