# What docs/operations.md has a newcomer do, word by word.

# Prints the block that the document has below a mark.
block() {
  awk -v mark="<!-- ci: $1 -->" \
    '$0 == mark { found = 1 } found && /^```$/ { exit } found && inside { print } found && /^```[a-z]+$/ { inside = 1 }' \
    operations.md
}

# Runs the block below the mark $1, by what follows.
says() {
  local text
  text=$(block "$1")
  shift
  [ -n "$text" ] && "$@" bash -euc "$text"
}

# A shell of root's is no place where sudo is missed.
printf '#!/bin/sh\nexec "$@"\n' >/usr/bin/sudo
chmod 755 /usr/bin/sudo

# A user's session, with the groups of now and nothing of root's.
session() {
  local user=$1 home
  shift
  home=$(getent passwd "$user" | cut -d: -f6)
  setpriv --reuid="$user" --regid="$user" --init-groups --reset-env env -i PATH=/usr/bin:/bin \
    HOME="$home" "$@"
}

useradd --create-home ann
useradd --create-home gitlab-runner
cp first/*.deb /run
cd /run || exit 1
check "the deb is installed as operations.md says" eval 'cd /run && cp files/operations.md . && says install'
tokend dev --port 8750 >/run/provider 2>&1 &
provider=$!
timeout 30 tail -f -n +1 --pid=$provider /run/provider | grep -q -m1 'Its demo provider is'
check "a credential is added" says add
check "ann may read it" says grant
check "and gets a token" says get session ann
greeted() { [ "$(says "$@" | tee /run/greeting)" != "" ] && cat /run/greeting; }
check "with which the API answers her shell" greeted shell session ann

# cron runs what stands after @reboot as it starts.
by_cron() {
  block cron | sed 's/^[0-9*]* [0-9*]* [0-9*]* [0-9*]* [0-9*]* /@reboot /' | crontab -u ann - || return 1
  rm -f /run/crond.reboot
  cron -f >/run/cron 2>&1 &
  local cron=$! tries=0
  until [ -s /home/ann/hello ] || [ $tries = 60 ]; do
    timeout 0.5 tail -f /dev/null
    tries=$((tries + 1))
  done
  kill $cron
  cat /run/cron /home/ann/hello && [ -s /home/ann/hello ]
}
check "a job of cron's gets one in cron's bare environment" by_cron

block unit >/etc/systemd/system/hello.service
block reader >/etc/systemd/system/reader.service
systemctl daemon-reload
check "a unit is handed one" eval 'systemctl start hello.service'
reader() { ! systemctl start reader.service && says "grant the unit" && systemctl start reader.service; }
check "another asks itself, once it may" reader

listened() {
  says listener && unshare --mount sh -c \
    'mount --bind -o ro /run/tokend/listeners/hello /run/tokend && exec setpriv --reuid=1234 --regid=1234 \
      --clear-groups env -i PATH=/usr/bin:/bin tokend-cli get demo'
}
check "a container's mount of a listener is enough to get one" listened
in_podman() {
  local link
  mkdir -p /run/image/{usr,etc,proc,sys,dev,run,tmp,root}
  for link in bin sbin lib lib64; do ln -sf "usr/$link" "/run/image/$link"; done
  timeout 60 podman --root /run/podman --runroot /run/podman.run --storage-driver=vfs \
    --cgroup-manager=cgroupfs --runtime=runc run --rm --network=none --ulimit=nofile=1000:1000 \
    --ulimit=nproc=1000:1000 -v /usr:/usr:ro "$@"
}
if command -v podman >/dev/null && in_podman --rootfs /run/image true >/run/output 2>&1; then
  check "so it is in one of podman's" in_podman -v /run/tokend/listeners/hello:/run/tokend:ro \
    --rootfs /run/image tokend-cli get demo
else
  echo "skipped: podman can't run containers there: $(tail -n 1 /run/output)"
fi

# As runners do: no terminal, no home, no session, standard input closed.
runner() {
  setsid setpriv --reuid=gitlab-runner --regid=gitlab-runner --init-groups --reset-env \
    env -i PATH=/usr/bin:/bin CI=true "$@" <&-
}
ci() { says "grant the runner" && greeted step runner; }
check "a job of a runner gets one" ci

kill $provider
systemctl disable -q --now tokend-listener@hello.socket
dpkg -P tokend >/dev/null 2>&1
cd /run/files || exit 1
