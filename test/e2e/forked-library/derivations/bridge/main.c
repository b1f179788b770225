#include <sqlite3.h>
#include <stdio.h>

const char *bridgeVersion(void);

int main(void) {
  printf("%s and %s\n", bridgeVersion(), sqlite3_libversion());
  return 0;
}
