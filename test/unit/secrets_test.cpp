// Which secret a call needs, and what is said and not said of them.
#include "secrets.h"

#include <gtest/gtest.h>

namespace pendo {
namespace {

Config config_with_apps() {
  Config config;
  config.server_name = "pendo";
  config.integration_key.text = "key-1";
  config.track_secret.text = "plain-1";
  config.app_secrets = {{"mobile", {.text = "mobile-1", .from_file = false, .problem = {}}}, {"-323232", {.text = "web-1", .from_file = false, .problem = {}}}};
  config.has_mapping = true;
  config.mapping = "alice SERVER pendo";
  return config;
}

TEST(Secrets, AnAppHasAPlainName) {
  EXPECT_TRUE(is_app_name("mobile"));
  EXPECT_TRUE(is_app_name("-323232"));
  EXPECT_TRUE(is_app_name("A_b.9"));
  EXPECT_TRUE(is_app_name(std::string(40, 'a')));
  for (const std::string& bad : {std::string(), std::string(41, 'a'), std::string("a b"), std::string("a\n"), std::string("a:b"),
                                 std::string("a=b"), std::string("\xc3\xa4"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(is_app_name(bad)) << bad;
  }
}

TEST(Secrets, AreLookedUpByApp) {
  Config config = config_with_apps();
  EXPECT_EQ(track_secret_of(config, {})->text, "plain-1");
  EXPECT_EQ(track_secret_of(config, "-323232")->text, "web-1");
  EXPECT_EQ(track_secret_of(config, "Mobile"), nullptr);
  config.track_secret = {};
  EXPECT_EQ(track_secret_of(config, {}), nullptr);
  EXPECT_TRUE(has_track_secret(config));
  config.app_secrets.clear();
  EXPECT_FALSE(has_track_secret(config));
}

TEST(Secrets, OfAnAppThatIsMissingAreToldWithTheStatementThatSetsIt) {
  Config config = config_with_apps();
  Failure f = no_app_secret(config, "mobil");
  EXPECT_STREQ(f.sqlstate, "42501");
  EXPECT_EQ(f.message, R"(no track secret for app "mobil" of server "pendo")");
  EXPECT_EQ(f.detail, R"(There are secrets of the apps "mobile", "-323232", and one of events that name no app.)");
  EXPECT_NE(f.hint.find(R"(: ALTER USER MAPPING FOR alice SERVER pendo OPTIONS (ADD "track_secret:mobil" '...').)"), std::string::npos) << f.hint;
  config.app_secrets.clear();
  config.track_secret = {};
  config.has_mapping = false;
  EXPECT_NE(no_app_secret(config, "m").hint.find(R"(: CREATE USER MAPPING FOR alice SERVER pendo OPTIONS ("track_secret:m" '...').)"), std::string::npos);
  EXPECT_NE(no_track_secret(config).hint.find(R"(: CREATE USER MAPPING FOR alice SERVER pendo OPTIONS (track_secret '...').)"), std::string::npos);
}

TEST(Secrets, NoOptionIsNamedForWhatIsNoApp) {
  Failure f = no_app_secret(config_with_apps(), "a b");
  EXPECT_EQ(f.hint.find("MAPPING"), std::string::npos) << f.hint;
  EXPECT_NE(f.hint.find("1 to 40 letters"), std::string::npos) << f.hint;
}

TEST(Secrets, OfEventsWithoutAppAreAskedForWhereOnlyAppsHaveOne) {
  Config config = config_with_apps();
  config.track_secret = {};
  Failure f = no_track_secret(config);
  EXPECT_EQ(f.message, R"(no track secret for server "pendo" of events that name no app)");
  EXPECT_NE(f.hint.find("(ADD track_secret '...')"), std::string::npos) << f.hint;
}

// Whatever its path may do: nothing that could start another header.
TEST(Secrets, ArePlainText) {
  EXPECT_TRUE(is_secret("a"));
  EXPECT_TRUE(is_secret(std::string(500, '~')));
  for (const std::string& bad : {std::string(), std::string(501, 'a'), std::string("a b"), std::string("a\r\nHost: x"), std::string("a\tb"),
                                 std::string("a\0b", 3), std::string("\x7f"), std::string("\xc3\xa4")}) {
    EXPECT_FALSE(is_secret(bad)) << bad;
  }
}

TEST(Secrets, ThatAreNotToBeHadAreToldWithTheirProblem) {
  Config config = config_with_apps();
  Secret lost{.text = {}, .from_file = true, .problem = {sqlstate::kInsufficientPrivilege, "cannot read it", {}, "chmod", 0}};
  config.integration_key = config.track_secret = config.app_secrets[0].secret = lost;
  EXPECT_TRUE(has_track_secret(config));
  EXPECT_EQ(no_integration_key(config).message, "cannot read it");
  EXPECT_EQ(no_track_secret(config).message, "cannot read it");
  EXPECT_EQ(no_app_secret(config, "mobile").message, "cannot read it");
  EXPECT_EQ(no_app_secret(config, "mobil").message, R"(no track secret for app "mobil" of server "pendo")");
}

TEST(Secrets, StayOutOfMessages) {
  EXPECT_EQ(without_secrets(config_with_apps(), "key-1 plain-1 mobile-1,web-1 web-2"), "*** *** ***,*** web-2");
  Failure f = without_secrets(config_with_apps(), Failure{"HV000", "a key-1", "b web-1.", "c plain-1", 0});
  EXPECT_EQ(f.message + f.detail + f.hint, "a ***b ***.c ***");
}

TEST(Secrets, StayOutAlsoWhereOneBeginsWithAnother) {
  Config config = config_with_apps();
  config.app_secrets[0].secret.text = "plain-1-of-mobile";
  EXPECT_EQ(without_secrets(config, "plain-1-of-mobile plain-1"), "*** ***");
}

TEST(Secrets, StayOutWhereJsonEscapesThem) {
  Config config;
  config.integration_key.text = "a<b>/c";
  EXPECT_EQ(shown_reply(config, R"({"m":"bad \u0061\u003cb\u003E\/c!"})", 100), R"({"m":"bad ***!"})");
  EXPECT_EQ(shown_reply(config, R"({"m":"\u0061\u00e4\n\u00"})", 100), R"({"m":"\u0061\u00e4\n\u00"})");
}

TEST(Secrets, StayOutWhereverTheTextIsCut) {
  Config config;
  config.integration_key.text = "0123456789abcdef0123456789abcdef";
  std::string reply = std::string(30, 'x') + config.integration_key.text + " and more of it";
  for (std::size_t limit = 10; limit < reply.size() + 10; ++limit) {
    EXPECT_EQ(shown_reply(config, reply, limit).find("012345"), std::string::npos) << limit;
    EXPECT_EQ(without_secrets(config, reply.substr(0, limit)).find("012345"), std::string::npos) << limit;
  }
}

}  // namespace
}  // namespace pendo
