# What docs/operations.md says of keeping tokend well, word by word.

check "the deb is installed once more" eval 'dpkg -i first/*.deb && add_static && usermod -aG tokend-clients ann'
# The clock, and whether memory may be locked, are this machine's.
well() {
  tokend doctor && tokend doctor --json >/run/doctor &&
    jq -e '[.[] | select(.level != "ok" and .about != "clock" and .about != "memory")] == []' /run/doctor &&
    jq -e 'any(.[]; .about == "key" and (.what | contains("credential:tokend-key")))' /run/doctor
}
check "doctor finds nothing wrong with it" well
unwell() {
  printf '[Service]\nPrivateUsers=yes\n' >/etc/systemd/system/tokend.service.d/own.conf
  systemctl daemon-reload
  tokend doctor | grep '^warn unit: tokend.service has PrivateUsers=yes.*own.conf'
}
check "but a drop-in that hides who callers are" unwell
rm /etc/systemd/system/tokend.service.d/own.conf
systemctl daemon-reload

for unit in service timer; do block "backup $unit" >/etc/systemd/system/tokend-backup.$unit; done
systemctl daemon-reload
check "the units for backups are in order" \
  systemd-analyze verify --man=no /etc/systemd/system/tokend-backup.{service,timer}
timed() { says backups && systemctl list-timers tokend-backup.timer | grep -q tokend-backup.service; }
check "their timer is started" timed
backups=/var/lib/tokend-backups
nightly() {
  install -d -m 700 $backups && touch -d '20 days ago' $backups/tokend-old.db &&
    touch -d '10 days ago' $backups/tokend-recent.db || return 1
  # The second one of a day takes the first one's place.
  systemctl start tokend-backup.service && systemctl start tokend-backup.service || return 1
  ls -l $backups
  [ "$(ls $backups)" = "$(printf '%s\n' "tokend-$(date +%F).db" tokend-recent.db)" ] &&
    mode "$backups/tokend-$(date +%F).db" "root:root 600" && mode $backups "root:root 700"
}
check "each makes a backup, and removes those that are too old" nightly

check "a backup is made" says backup
restored() {
  tokend-cli remove static --yes && ! serves && says restore && serves &&
    tokend-cli status | grep -q 'restored from a backup'
}
check "and restored, with the key that is sealed" restored
check "doctor says what that has left" eval 'tokend doctor | grep "^warn copies: .*tokend.db.replaced-"'
plainly() {
  systemctl stop tokend.service $sockets
  ! tokend restore /var/backups/tokend.db >/run/said 2>&1 && cat /run/said && grep -q systemd-run /run/said
}
check "without the key it isn't, and it is said how to hand it over" plainly

# The other machine is this one.
moved() {
  local before
  before=$(sha256sum $key)
  ssh() { bash -euc "$2"; }
  export -f ssh
  systemctl stop tokend.service $sockets && says "move the key" && serves &&
    [ "$(sha256sum $key)" != "$before" ]
}
check "the key is sealed for another machine" moved
anew() { says anew && ! serves && sealed && add_static && serves; }
check "a lost key isn't the end" anew

systemctl disable -q --now tokend-backup.timer
rm -r /etc/systemd/system/tokend-backup.* /var/lib/tokend.lost $backups /var/backups/tokend.db
dpkg -P tokend >/dev/null 2>&1
