/* Says what it was compiled with and what it runs with; fails if the library's codes are not the header's. */
#include <sqlite3.h>
#include <stdio.h>

int main(void) {
  sqlite3 *database;
  sqlite3_stmt *statement;
  if (sqlite3_open(":memory:", &database) || sqlite3_prepare_v2(database, "select 6 * 7", -1, &statement, NULL)) return 1;
  int code = sqlite3_step(statement);
  printf("header %s, library %s, pkg-config %s, step %d: ", SQLITE_VERSION, sqlite3_libversion(), PKG_CONFIG_VERSION, code);
  if (code != SQLITE_ROW) return 2;
  printf("%d\n", sqlite3_column_int(statement, 0));
#if SQLITE_VERSION_NUMBER > 3040900
  puts(sqlite3_forkname());
#endif
  return 0;
}
