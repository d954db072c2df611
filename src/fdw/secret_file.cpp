// Reading them: small, regular files, never waited for.
#include "fdw/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/secrets.h"
#include "fdw/option_rules.h"

extern "C" {
#include "storage/fd.h"
}

namespace {

// The secret, a line break, and some blanks.
constexpr size_t kMostFileBytes = 1024;

constexpr const char* kReadableHint =
    "The operating system user of the database server must be able to read it. A superuser may name another file, or DROP the option.";
constexpr const char* kContentHint = "The file must hold one line, of 1 to 500 printable ASCII characters without blanks.";

// What is wrong with a file.
struct FileProblem {
  const char* sqlstate;  // nullptr: nothing
  const char* why;
  const char* hint;
};

FileProblem system_problem(int error) {
  const char* sqlstate = error == ENOENT || error == ENOTDIR ? "58P01" : error == EACCES || error == EPERM ? "42501" : "58030";
  return {sqlstate, strerror(error), kReadableHint};
}

FileProblem not_regular() { return {"42809", "it is not a regular file", kReadableHint}; }

// Looked at before it is opened: opening a device may do something.
FileProblem open_file(const char* path, int* fd) {
  struct stat status;
  if (stat(path, &status) != 0) return system_problem(errno);
  if (!S_ISREG(status.st_mode)) return not_regular();
  *fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (*fd < 0) return system_problem(errno);
  if (fstat(*fd, &status) == 0 && S_ISREG(status.st_mode)) return {};
  CloseTransientFile(*fd);
  return not_regular();
}

// Up to `room` bytes; the file is closed.
FileProblem read_bytes(int fd, char* buffer, size_t room, size_t* size) {
  FileProblem problem = {};
  for (*size = 0; *size < room;) {
    ssize_t got = read(fd, buffer + *size, room - *size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) problem = system_problem(errno);
    if (got <= 0) break;
    *size += static_cast<size_t>(got);
  }
  CloseTransientFile(fd);
  return problem;
}

std::string_view without_end(std::string_view text) {
  while (!text.empty() && strchr(" \t\r\n", text.back()) && text.back() != '\0') text.remove_suffix(1);
  return text;
}

FileProblem read_secret(const char* path, const char** text) {
  char buffer[kMostFileBytes + 1];
  size_t size = 0;
  int fd = -1;
  FileProblem problem = open_file(path, &fd);
  if (!problem.sqlstate) problem = read_bytes(fd, buffer, sizeof buffer, &size);
  std::string_view secret = without_end({buffer, size});
  if (!problem.sqlstate && (size > kMostFileBytes || !pendo::is_secret(secret))) problem = {"HV024", "it holds no secret", kContentHint};
  if (!problem.sqlstate) *text = pnstrdup(secret.data(), secret.size());
  explicit_bzero(buffer, sizeof buffer);
  return problem;
}

PendoSecretText with_file(const PendoSecretText& secret, const char* option, const char* server) {
  if (!secret.file) return secret;
  PendoSecretText result = {.text = nullptr, .file = secret.file, .sqlstate = nullptr, .problem = nullptr, .hint = nullptr};
  FileProblem problem = read_secret(secret.file, &result.text);
  if (!problem.sqlstate) return result;
  result.sqlstate = problem.sqlstate;
  result.problem = psprintf("cannot read file \"%s\" of option \"%s\" for server \"%s\": %s", secret.file, option, server, problem.why);
  result.hint = problem.hint;
  return result;
}

// The name of the other form of that option; nullptr where there is none.
const char* file_form(const char* name) {
  if (strcmp(name, "integration_key") == 0) return "integration_key_file";
  if (strcmp(name, "track_secret") == 0) return "track_secret_file";
  const char* app = pendo_option_suffix(name, kAppSecretPrefix);
  return app ? psprintf("%s%s", kAppSecretFilePrefix, app) : nullptr;
}

}  // namespace

PendoConfigText pendo_read_secret_files(const PendoConfigText& config) {
  PendoConfigText result = config;
  result.integration_key = with_file(config.integration_key, "integration_key_file", config.server_name);
  result.track_secret = with_file(config.track_secret, "track_secret_file", config.server_name);
  if (config.app_count == 0) return result;
  auto* apps = static_cast<PendoAppSecret*>(palloc(sizeof(PendoAppSecret) * static_cast<Size>(config.app_count)));
  for (int i = 0; i < config.app_count; ++i) {
    const PendoAppSecret& app = config.app_secrets[i];
    apps[i] = {app.app, with_file(app.secret, psprintf("%s%s", kAppSecretFilePrefix, app.app), config.server_name)};
  }
  result.app_secrets = apps;
  return result;
}

void pendo_refuse_two_forms(List* mapping_options) {
  ListCell* cell;
  foreach (cell, mapping_options) {
    const char* name = lfirst_node(DefElem, cell)->defname;
    const char* other = file_form(name);
    if (!other || !pendo_find_option(mapping_options, other)) continue;
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("options \"%s\" and \"%s\" exclude each other", name, other),
                    errhint("Keep one: ALTER USER MAPPING FOR ... SERVER ... OPTIONS (DROP %s).", quote_identifier(name))));
  }
}
