# The deb's life, from the first installation to the last trace.

mode() { [ "$(stat -c '%U:%G %a' "$1")" = "$2" ] || { stat -c '%n %U:%G %a' "$1" && false; }; }

installed() {
  dpkg -i first/*.deb && [ "$(dpkg-query -W -f '${Status}' tokend)" = "install ok installed" ]
}
check "dpkg installs the deb" installed
cp /run/output /run/installed
steps() { [ "$(grep -c 'sudo tokend-cli' /run/installed)" = 2 ] && grep -q 'tokend-cli get' /run/installed; }
check "it says what to do next" steps
check "the sockets are enabled" eval 'systemctl is-enabled tokend.service $sockets'
check "and there" eval 'systemctl is-active tokend.service $sockets'
sealed() {
  [ ! -e /var/lib/tokend/key ] && mode $key "root:root 600" &&
    systemd-creds decrypt --name=tokend-key $key - | grep -q '^tokend-key-v1:' &&
    ! ls -d /run/tokend-setup.*
}
check "the key is sealed for this machine, and nowhere else" sealed
modes() {
  mode /var/lib/tokend "tokend:tokend 700" && mode $store "tokend:tokend 600" &&
    mode /etc/tokend "root:root 755" && mode /etc/tokend/providers.d "root:root 755" &&
    mode /run/tokend/tokend.sock "root:tokend-clients 660" && mode /run/tokend/listeners "root:root 700"
}
check "everything belongs to whom it is to belong to" modes
check "it serves" tokend-cli status
check "manual pages are there" eval 'man --where tokend-cli-get && man tokend-cli-get | grep -q "tokend-cli get"'
completes() {
  bash -c '. /usr/share/bash-completion/completions/tokend-cli && complete -p tokend-cli' || return 1
  zsh -fc 'autoload -U compinit && compinit -D -u && [ -n "${_comps[tokend-cli]}" ]' || return 1
  fish -c 'complete -C "tokend-cli iss"' | grep -q issuances
}
check "bash, zsh and fish complete its commands" completes
as_git() { printf 'protocol=https\nhost=none.example\n\n' | git-credential-tokend get; }
check "git's helper is there by its own name" as_git

add_static() {
  tokend-cli add static --provider static-bearer --var url=http://127.0.0.1 --var user=me \
    --secret-stdin token <<<s3cret-static
}
check "a credential is added" add_static
serves() { [ "$(tokend-cli get static)" = s3cret-static ]; }

again() {
  local before
  before=$(sha256sum $key) && dpkg -i first/*.deb && [ "$(sha256sum $key)" = "$before" ] && serves
}
check "installed once more it is as before" again

# Callers call all the while; each call that fails leaves a line.
calling() {
  local number=0 which=$1
  : >"/run/failures.$which"
  while [ ! -e /run/enough ]; do
    [ "$(timeout 30 tokend-cli get static 2>>"/run/failures.$which")" = s3cret-static ] ||
      echo failed >>"/run/failures.$which"
    number=$((number + 1))
    echo $number >"/run/calls.$which"
  done
}
upgraded() {
  local caller
  rm -f /run/enough
  for caller in 1 2 3; do calling $caller & done
  dpkg -i second/*.deb
  local code=$?
  touch /run/enough
  wait $(jobs -p)
  cat /run/failures.* && [ $code = 0 ] && [ "$(cat /run/failures.*)" = "" ] &&
    [ "$(awk '{ sum += $1 } END { print sum }' /run/calls.*)" -gt 20 ] &&
    [ "$(dpkg-query -W -f '${Version}' tokend)" = 99.0.0 ]
}
main_pid() { systemctl show -P MainPID tokend.service; }
before=$(main_pid)
check "an upgrade fails no call" upgraded
settings=/etc/tokend/tokend.toml
check "it brings its tokend.toml, if that wasn't changed" grep -q '^# A later one' $settings
check "and has the new one serve" eval '[ "$(main_pid)" != "$before" ] && serves'
ran() { ! readlink "/proc/$(main_pid)/exe" | grep -q deleted; }
check "not what was replaced" ran

# As a later tokend would leave it.
version() { python3 -c "import sqlite3; sqlite3.connect('$store').execute('PRAGMA user_version = $1')"; }
known() { python3 -c "import sqlite3; print(*sqlite3.connect('$store').execute('PRAGMA user_version').fetchone())"; }
downgraded() {
  # The sockets would start it again.
  systemctl stop $sockets tokend.service && known >/run/known && version 9999 && dpkg -i first/*.deb >/run/said 2>&1 &&
    cat /run/said && grep -q 'was written by a newer tokend' /run/said &&
    [ "$(dpkg-query -W -f '${Status}' tokend)" = "install ok installed" ]
}
check "a downgrade that can't read the store says so" downgraded
back() { systemctl stop $sockets tokend.service && version "$(cat /run/known)" && dpkg -i second/*.deb && serves; }
check "and hurts nothing: the later one serves again" back

kept() {
  local before
  # What a shell's `tokend init` isn't handed, and needn't be.
  sed -i 's/^#\(key_source = "credential:tokend-key"\)/\1/' $settings && tokend check && before=$(sha256sum $settings) &&
    dpkg --force-confold -i first/*.deb && [ "$(sha256sum $settings)" = "$before" ] &&
    [ -e $settings.dpkg-dist ] && serves && dpkg --force-confold -i second/*.deb >/run/said 2>&1 &&
    cat /run/said && ! grep 'is mended' /run/said && [ "$(sha256sum $settings)" = "$before" ] && serves
}
check "a tokend.toml that was changed stays as it is" kept

removed() {
  dpkg -r tokend && ! systemctl is-active tokend.service $sockets && [ ! -e /run/tokend/tokend.sock ] &&
    [ -e $store ] && [ -e $key ] && [ ! -e /usr/bin/tokend ]
}
check "removed it is gone, and its data stays" removed
check "installed anew it finds its store, and its settings" eval '
  dpkg -i second/*.deb </dev/null && serves && grep -q "^key_source = " $settings'

purged() {
  dpkg -P tokend && ! systemctl is-active tokend.service $sockets || return 1
  local left
  left=$(find /etc /var /usr/bin /usr/lib /usr/share /run/tokend -name '*tokend*' \
    -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path '/var/cache/man/*' 2>/dev/null)
  [ -z "$left" ] || { echo "left: $left" && false; }
}
check "purged it leaves nothing behind" purged
check "but for its locked users" eval 'getent passwd tokend && passwd -S tokend | grep -q " L "'

# As a container is made: nothing runs yet.
image() {
  unshare --mount bash -c 'mount -t tmpfs tmpfs /run/systemd && dpkg -i first/*.deb' >/run/said 2>&1
  local code=$?
  cat /run/said
  [ $code = 0 ] && grep -q "the key isn't sealed" /run/said && mode /var/lib/tokend/key "tokend:tokend 600" &&
    [ -e $store ] && [ ! -e /etc/systemd/system/tokend.service.d/key.conf ]
}
check "where systemd doesn't run it installs as well, with a key file" image
check "and starts at the next boot" eval 'systemctl daemon-reload && systemctl start tokend.service && tokend-cli status'
check "and goes again" eval 'dpkg -P tokend && [ ! -e /var/lib/tokend ]'
