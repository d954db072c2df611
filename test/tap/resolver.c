/* A getaddrinfo that goes in front of the C library's (LD_PRELOAD) and knows
   names that are slow or fail; the rest it leaves to the C library.

     stall.invalid   no answer as long as the file $RESOLVER_HOLD exists, a minute at most
     late.invalid    127.0.0.1, after a second
     nobody.invalid  no such host
     again.invalid   the name server is not reached */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int resolve(const char*, const char*, const struct addrinfo*, struct addrinfo**);

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints, struct addrinfo** result) {
  resolve* real = (resolve*)dlsym(RTLD_NEXT, "getaddrinfo");
  const char* hold = getenv("RESOLVER_HOLD");
  if (!node) return real(node, service, hints, result);
  if (strcmp(node, "nobody.invalid") == 0) return EAI_NONAME;
  if (strcmp(node, "again.invalid") == 0) return EAI_AGAIN;
  if (strcmp(node, "late.invalid") == 0) {
    usleep(1000000);
    return real("127.0.0.1", service, hints, result);
  }
  if (strcmp(node, "stall.invalid") != 0) return real(node, service, hints, result);
  for (int i = 0; hold && i < 6000 && access(hold, F_OK) == 0; ++i) usleep(10000);
  return EAI_NONAME;
}
