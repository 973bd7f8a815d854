# A database of packages below ./root, and a package of two files in two versions.
db() { dpkg --root="$PWD/root" --log=/dev/null --force-depends "$@"; }
content() { seq 1 400 | sed "s/$/ version $1/"; }
package() {
  mkdir -p tree/DEBIAN tree/usr/share/demo
  printf 'Package: demo\nVersion: %s\nArchitecture: all\nMaintainer: a <a@b>\nDescription: demo\n' $1 > tree/DEBIAN/control
  content $1 > tree/usr/share/demo/a; echo $1 > tree/usr/share/demo/b
  dpkg-deb --root-owner-group -b tree demo_$1.deb > /dev/null; rm -r tree
}
install() { db -i ./demo_$1.deb; }
sound() { [ "$(cat root/usr/share/demo/b 2>&1)" = $1 ] && content $1 | cmp -s - root/usr/share/demo/a; }
look() {
  has=$(dpkg-query --admindir=root/var/lib/dpkg -W -f '${Version} ${db:Status-Status}' demo 2>&1) ||
    { echo "the database: $has"; exit 2; }
  case "$has" in
    "1 installed")
      [ -z "$TORNPROOF_LAST" ] || { echo "printed installed, and the database has version 1"; exit 3; }
      sound 1 || { echo "version 1 is installed, and its files are not version 1"; exit 4; } ;;
    "2 installed") sound 2 || { echo "version 2 is installed, and its files are not"; exit 4; } ;;
  esac
  install 2 > out 2>&1 || { echo "installing again fails: $(grep -a rror out | tail -1)"; exit 5; }
  sound 2 || { echo "installed again, and the files are still wrong"; exit 6; }
}
