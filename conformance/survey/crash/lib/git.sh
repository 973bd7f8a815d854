# The repository is sound, and the commit that was printed last is in it.
rm -f .git/*.lock .git/refs/heads/*.lock # what git tells its user to do after a crash
git fsck --strict --no-dangling 2>&1 || exit 2
git rev-parse -q --verify HEAD^0 > /dev/null || { echo "HEAD has no commit"; exit 5; }
git status --porcelain > /dev/null || exit 4
[ -z "$TORNPROOF_LAST" ] || git merge-base --is-ancestor "$TORNPROOF_LAST" HEAD ||
  { echo "a printed commit cannot be reached"; exit 6; }
