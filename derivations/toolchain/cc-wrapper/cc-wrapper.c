/* One static program under the names of the compiler drivers and of the linker; argv[0] says which it is.
 *
 * As a driver (cc gcc c++ g++ cpp) it runs the seed's driver, makes it use this linker, and takes the build directory
 * and chance out of the objects. As ld, and only there, it sets what a linked file needs to run from the store: our
 * libc's loader, and a RUNPATH entry for each store directory that a linked shared library really came from. gcc calls
 * ld for links alone and has resolved -c, -E, -static-pie, LIBRARY_PATH and its specs by then, so nothing is guessed.
 *
 * It does not know inputs or outputs (setup.sh exports LIBRARY_PATH, C_INCLUDE_PATH and CAB_RPATH), and it does not
 * remove entries that turn out unused (fixup does).
 *
 * Compiled in: SEED_BIN, the seed's tools; GCC_SUFFIX, their version; LIBC, the libc object; SELF_BIN, our own bin/;
 * LIBC_DEV, where that libc's headers, crt files and linker scripts are, unless they are the seed's.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORE "/cab/store/"
#define LOADER LIBC "/lib/ld-linux-x86-64.so.2"

static void die(const char *what, const char *about) {
  fprintf(stderr, "cc-wrapper: %s %s: %s\n", what, about, strerror(errno));
  exit(127);
}

/* Nothing is ever freed: the process lives until its exec. */
typedef struct {
  char **at;
  size_t count, room;
} List;

static void push(List *list, const char *text) {
  if (list->count + 1 >= list->room) {
    list->room = list->room ? 2 * list->room : 64;
    list->at = realloc(list->at, list->room * sizeof *list->at);
    if (!list->at) die("out of memory for", text);
  }
  list->at[list->count++] = (char *)text;
  list->at[list->count] = NULL;
}

static char *join(const char *a, const char *b, const char *c) {
  char *text;
  if (asprintf(&text, "%s%s%s", a, b, c) < 0) die("out of memory for", a);
  return text;
}

static bool startsWith(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

static bool endsWith(const char *text, const char *suffix) {
  size_t length = strlen(text), wanted = strlen(suffix);
  return length >= wanted && !strcmp(text + length - wanted, suffix);
}

static void run(const char *program, List *argv) {
  argv->at[0] = (char *)program;
  execv(program, argv->at);
  die("cannot run", program);
}

/* ---- response files ------------------------------------------------------------------------------------------- */

static char *readFile(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  size_t size = 0, room = 4096;
  char *text = malloc(room);
  while (text) {
    size += fread(text + size, 1, room - size - 1, file);
    if (size + 1 < room) break;
    text = realloc(text, room *= 2);
  }
  if (!text) die("out of memory for", path);
  fclose(file);
  text[size] = 0;
  return text;
}

/* Splits as libiberty's buildargv does: blanks separate, both quotes group, a backslash takes the next character. */
static void split(List *words, char *text) {
  for (;;) {
    while (isspace((unsigned char)*text)) text++;
    if (!*text) return;
    char *word = text, *to = text, quote = 0;
    for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
      if (*text == '\\' && text[1]) *to++ = *++text;
      else if (quote ? *text == quote : *text == '\'' || *text == '"') quote = quote ? 0 : *text;
      else *to++ = *text;
    }
    bool last = !*text;
    *to = 0;
    push(words, word);
    if (last) return;
    text++;
  }
}

/* Only for looking: the tool gets its own @file unopened, so its limits on argument length stay solved. An @file that
 * cannot be read stands for itself, as in gcc; depth ends a file that names itself. */
static void expand(List *words, char **argv, int depth) {
  for (; *argv; argv++) {
    char *text = **argv == '@' && depth < 8 ? readFile(*argv + 1) : NULL;
    if (!text) {
      push(words, *argv);
      continue;
    }
    List inner = {0};
    split(&inner, text);
    if (inner.count) expand(words, inner.at, depth + 1);
  }
}

/* ---- the linker ----------------------------------------------------------------------------------------------- */

typedef struct {
  List searched;     /* -L directories, in order; ld searches all of them for every -l, wherever each stands */
  List libraries;    /* names of -l that were asked for in dynamic mode */
  List files;        /* shared libraries named by path */
  const char *loader; /* the last -dynamic-linker */
  bool relocatable, noLoader, isStatic;
} Link;

/* Options whose value is the next argument and could be taken for a library or a search directory. */
static bool takesValue(const char *option) {
  static const char *const names[] = {"o",          "output",  "soname",         "h",          "rpath",
                                      "rpath-link", "plugin",  "plugin-opt",     "T",          "script",
                                      "m",          "e",       "entry",          "u",          "z",
                                      "Map",        "y",       "version-script", "dynamic-list", "f",
                                      "F",          "audit",   "depaudit",       "P",          NULL};
  option += 1 + (option[1] == '-');
  for (const char *const *name = names; *name; name++)
    if (!strcmp(option, *name)) return true;
  return false;
}

/* The value of a long option, which may have one dash or two, and `=` or a next argument. */
static char *longValue(char ***at, const char *name) {
  char *text = **at + 1 + ((**at)[1] == '-');
  size_t length = strlen(name);
  if (strncmp(text, name, length)) return NULL;
  if (text[length] == '=') return text + length + 1;
  if (text[length] || !(*at)[1]) return NULL;
  return *++*at;
}

static bool isOneOf(const char *text, const char *const *names) {
  for (; *names; names++)
    if (!strcmp(text, *names)) return true;
  return false;
}

static Link readLink(char **at) {
  static const char *const relocatable[] = {"-r", "-i", "-Ur", "--relocatable", "-relocatable", NULL};
  static const char *const toStatic[] = {"-static", "--static", "-Bstatic", "-dn", "-non_shared", NULL};
  static const char *const toDynamic[] = {"-Bdynamic", "-dy", "-call_shared", NULL};
  Link link = {0};
  bool saved[64];
  size_t depth = 0;
  for (; *at; at++) {
    char *arg = *at, *value;
    if (*arg != '-') {
      if (endsWith(arg, ".so") || strstr(arg, ".so.")) push(&link.files, arg);
    } else if (isOneOf(arg, relocatable)) link.relocatable = true;
    else if (isOneOf(arg, toStatic)) link.isStatic = true;
    else if (isOneOf(arg, toDynamic)) link.isStatic = false;
    else if (!strcmp(arg, "--push-state")) { if (depth < 64) saved[depth++] = link.isStatic; }
    else if (!strcmp(arg, "--pop-state")) { if (depth) link.isStatic = saved[--depth]; }
    else if (endsWith(arg, "-no-dynamic-linker")) link.noLoader = true;
    else if ((value = longValue(&at, "dynamic-linker")) || (value = longValue(&at, "I"))) link.loader = value;
    else if ((value = longValue(&at, "library-path"))) push(&link.searched, value);
    else if ((value = longValue(&at, "library"))) { if (!link.isStatic) push(&link.libraries, value); }
    else if (arg[1] == 'L') push(&link.searched, arg[2] || !at[1] ? arg + 2 : *++at);
    else if (arg[1] == 'l') {
      value = arg[2] || !at[1] ? arg + 2 : *++at;
      if (!link.isStatic) push(&link.libraries, value);
    } else if (takesValue(arg) && at[1]) at++;
  }
  return link;
}

/* A store directory is named after links are followed, so that a union of libraries does not enter the closure. */
static void pushStoreDirectory(List *rpaths, const char *file) {
  char real[PATH_MAX];
  if (!realpath(file, real) || !startsWith(real, STORE)) return;
#ifdef LIBC_DEV
  if (startsWith(real, LIBC_DEV "/")) return; /* a linker script; what it names is in LIBC */
#endif
  *strrchr(real, '/') = 0;
  for (size_t i = 0; i < rpaths->count; i++)
    if (!strcmp(rpaths->at[i], real)) return;
  push(rpaths, join(real, "", ""));
}

/* ld's own rule: in each directory a shared library before a static one, and the first directory that has either. */
static void findLibrary(List *rpaths, const List *searched, const char *name) {
  bool exact = *name == ':';
  for (size_t i = 0; i < searched->count; i++) {
    char *shared = exact ? join(searched->at[i], "/", name + 1) : join(searched->at[i], "/lib", join(name, ".so", ""));
    if (!access(shared, R_OK)) {
      if (strstr(shared, ".so")) pushStoreDirectory(rpaths, shared);
      return;
    }
    if (!exact && !access(join(searched->at[i], "/lib", join(name, ".a", "")), R_OK)) return;
  }
}

static void runLinker(int argc, char **argv) {
  List words = {0}, command = {0}, rpaths = {0};
  if (argc > 1) expand(&words, argv + 1, 0);
  Link link = words.count ? readLink(words.at) : (Link){0};
  for (int i = 0; i < argc; i++) push(&command, argv[i]);
  if (link.relocatable || argc < 2) run(SEED_BIN "/ld", &command);

  /* setup.sh reserves a note when a debug output is declared: fixup fills in an id of the stripped bytes. Otherwise
   * none: ld's own would change with every comment that shifts a line number. */
  const char *buildId = getenv("CAB_BUILD_ID");
  push(&command, join("--build-id=", buildId ? buildId : "none", ""));
  if (link.isStatic) run(SEED_BIN "/ld", &command);

  if (!link.noLoader && (!link.loader || startsWith(link.loader, "/lib"))) {
    push(&command, "-dynamic-linker");
    push(&command, LOADER);
  }
  const char *own = getenv("CAB_RPATH");
  if (own && *own) push(&rpaths, own);
  for (size_t i = 0; i < link.files.count; i++) pushStoreDirectory(&rpaths, link.files.at[i]);
  for (size_t i = 0; i < link.libraries.count; i++) findLibrary(&rpaths, &link.searched, link.libraries.at[i]);
  push(&rpaths, LIBC "/lib");
  for (size_t i = 0; i < rpaths.count; i++) {
    push(&command, "-rpath");
    push(&command, rpaths.at[i]);
  }
  push(&command, "--enable-new-dtags");
  run(SEED_BIN "/ld", &command);
}

/* ---- the compiler drivers --------------------------------------------------------------------------------------- */

static bool isSource(const char *arg) {
  static const char *const suffixes[] = {".c", ".cc", ".cpp", ".cxx", ".C", ".c++", ".m", NULL};
  if (*arg == '-') return false;
  for (const char *const *suffix = suffixes; *suffix; suffix++)
    if (endsWith(arg, *suffix)) return true;
  return false;
}

static void runDriver(const char *program, int argc, char **argv) {
  List command = {0};
  push(&command, program);
  push(&command, "-B" SELF_BIN "/");
#ifdef LIBC_DEV
  /* crt files and libraries first in its lib/; headers in its usr/include instead of the seed's, behind gcc's own. */
  push(&command, "-B" LIBC_DEV "/lib/");
  push(&command, "-isysroot");
  push(&command, LIBC_DEV);
#endif
  push(&command, "-ffile-prefix-map=/build=.");
  /* gcc draws a random number for some symbol and LTO section names unless told; it should differ between files. */
  for (int i = 1; i < argc; i++)
    if (isSource(argv[i])) {
      push(&command, join("-frandom-seed=", argv[i], ""));
      break;
    }
  /* The caller's arguments come last, so that they win. */
  for (int i = 1; i < argc; i++) push(&command, argv[i]);
  run(program, &command);
}

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
  if (!strcmp(name, "ld") || !strcmp(name, "ld.bfd")) runLinker(argc, argv);
  if (!strcmp(name, "cpp")) runDriver(SEED_BIN "/cpp" GCC_SUFFIX, argc, argv);
  if (!strcmp(name, "c++") || !strcmp(name, "g++")) runDriver(SEED_BIN "/g++" GCC_SUFFIX, argc, argv);
  if (!strcmp(name, "cc") || !strcmp(name, "gcc")) runDriver(SEED_BIN "/gcc" GCC_SUFFIX, argc, argv);
  fprintf(stderr, "cc-wrapper: called as %s; expected cc, gcc, c++, g++, cpp or ld\n", name);
  return 127;
}
