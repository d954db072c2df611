// The least that a client needs to send Track Events: libcurl's multi interface, a
// number of connections that are kept, and nothing else. What the extension is
// compared with. Prints the seconds that it took.
//
//   bare_events URL SECRET EVENTS CONNECTIONS
#include <curl/curl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Sender {
  CURL* handle = nullptr;
  std::string body;
};

std::size_t drop(char*, std::size_t size, std::size_t count, void*) { return size * count; }

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "bare_events: %s\n", why.c_str());
  std::exit(1);
}

void start(CURLM* multi, Sender& sender, long number) {
  sender.body = R"({"type":"track","event":"Event","visitorId":"v)" + std::to_string(number) +
                R"(","timestamp":1767225600000,"properties":{"n":)" + std::to_string(number) + R"(},"context":{}})";
  curl_easy_setopt(sender.handle, CURLOPT_POSTFIELDS, sender.body.c_str());
  curl_easy_setopt(sender.handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(sender.body.size()));
  curl_multi_add_handle(multi, sender.handle);
}

void finish(CURLM* multi, const CURLMsg& message) {
  long status = 0;
  curl_easy_getinfo(message.easy_handle, CURLINFO_RESPONSE_CODE, &status);
  if (message.data.result != CURLE_OK || status != 200) {
    stop(std::string(curl_easy_strerror(message.data.result)) + ", HTTP " + std::to_string(status));
  }
  curl_multi_remove_handle(multi, message.easy_handle);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) stop("URL SECRET EVENTS CONNECTIONS");
  std::string url = std::string(argv[1]) + "/data/track";
  std::string secret = std::string("x-pendo-integration-key: ") + argv[2];
  long events = std::atol(argv[3]);
  std::vector<Sender> senders(static_cast<std::size_t>(std::atol(argv[4])));
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = curl_multi_init();
  curl_slist* headers = curl_slist_append(nullptr, "content-type: application/json");
  headers = curl_slist_append(headers, secret.c_str());
  long started = 0;
  long answered = 0;
  auto from = std::chrono::steady_clock::now();
  for (auto& sender : senders) {
    sender.handle = curl_easy_init();
    curl_easy_setopt(sender.handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(sender.handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(sender.handle, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(sender.handle, CURLOPT_PRIVATE, &sender);
    if (started < events) start(multi, sender, started++);
  }
  while (answered < events) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      Sender* sender = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &sender);
      finish(multi, *message);
      ++answered;
      if (started < events) start(multi, *sender, started++);
    }
    if (answered < events) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  std::printf("%.3f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
  for (auto& sender : senders) curl_easy_cleanup(sender.handle);
  curl_multi_cleanup(multi);
  curl_slist_free_all(headers);
}
