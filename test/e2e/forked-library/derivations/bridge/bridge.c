#include <sqlite3.h>

const char *bridgeVersion(void) { return sqlite3_libversion(); }
