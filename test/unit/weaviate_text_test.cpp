// Ids, JSON without a tree, base64, UTF-8, URLs.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "weaviate/base64.hpp"
#include "weaviate/json_text.hpp"
#include "weaviate/server.hpp"
#include "weaviate/utf8.hpp"
#include "weaviate/uuid.hpp"

namespace stash::weaviate {
namespace {

TEST(weaviate_text, ids_from_names_are_those_of_the_standard) {
  // RFC 9562, A.4: the DNS namespace and www.example.com.
  const auto dns = uuid_from_text("6BA7B810-9dad-11d1-80b4-00c04fd430c8");
  ASSERT_TRUE(dns);
  EXPECT_EQ(to_string(uuid_from_name(*dns, "www.example.com")),
            "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(weaviate_text, ids_are_told_apart_by_their_parts) {
  const auto id = [](std::vector<std::string_view> parts) { return object_id(parts); };
  EXPECT_EQ(id({"a", "b"}), id({"a", "b"}));
  EXPECT_NE(id({"a", "b"}), id({"ab"}));
  EXPECT_NE(id({"a", "b"}), id({"ab", ""}));
  EXPECT_NE(id({"a", "b"}), id({"a", "b", ""}));
  EXPECT_NE(id({"1:a"}), id({"1", "a"}));
  // Ids are in other people's servers: this one must never change.
  EXPECT_EQ(to_string(id({"database", "table", "1"})), "3e310675-2d41-575e-b662-5937c1e23e07");
}

TEST(weaviate_text, ids_are_read_in_either_case_and_written_in_one) {
  const auto id = uuid_from_text("ABCDEF00-0000-4000-8000-0000000000aA");
  ASSERT_TRUE(id);
  EXPECT_EQ(to_string(*id), "abcdef00-0000-4000-8000-0000000000aa");
  for (const char* wrong :
       {"", "abcdef00-0000-4000-8000-0000000000a", "abcdef00-0000-4000-8000-0000000000aaa",
        "abcdef00+0000-4000-8000-0000000000aa", "abcdeg00-0000-4000-8000-0000000000aa"})
    EXPECT_FALSE(uuid_from_text(wrong)) << wrong;
  EXPECT_EQ(uuid_from_base64("q83vAAAAQACAAAAAAAAAqg=="), id);
  EXPECT_FALSE(uuid_from_base64("q83vAAAAQACAAAAAAAAA"));
}

TEST(weaviate_text, base64_goes_both_ways) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}})
    EXPECT_EQ(from_base64(text), bytes);
  for (const char* wrong : {"Z", "Zg", "Zg=", "Z===", "Zm9*", "====", "=m9v"})
    EXPECT_FALSE(from_base64(wrong)) << wrong;
  for (std::size_t size = 0; size < 20; size++) {
    std::vector<float> values;
    for (std::size_t i = 0; i < size; i++)
      values.push_back(std::ldexp(1.3F, static_cast<int>(i * 9) - 90));
    std::string written;
    append_floats(&written, values);
    ASSERT_EQ(written.front(), '"');
    ASSERT_EQ(written.back(), '"');
    const auto bytes = from_base64(written.substr(1, written.size() - 2));
    ASSERT_TRUE(bytes);
    ASSERT_EQ(bytes->size(), size * 4);
    // This machine's order is that of the wire. memcmp takes no null, not even for no bytes.
    if (size == 0) continue;
    EXPECT_EQ(std::memcmp(bytes->data(), values.data(), bytes->size()), 0);
  }
}

TEST(weaviate_text, strings_are_what_a_parser_reads_back) {
  std::string all;
  for (int c = 1; c < 128; c++) all += static_cast<char>(c);
  all += std::string("\0", 1) + "é😀\u2028";
  std::string written;
  append_string(&written, all);
  EXPECT_EQ(nlohmann::json::parse(written).get<std::string>(), all);
}

TEST(weaviate_text, numbers_are_what_a_parser_reads_back) {
  for (const double value : {0.0, -0.0, 1.0, 0.1, 1e300, -1e-300, 5e-324, 1.7976931348623157e308}) {
    std::string written;
    append_number(&written, value);
    EXPECT_EQ(nlohmann::json::parse(written).get<double>(), value) << written;
  }
  for (const float value : {0.0F, 0.1F, 1e-45F, 3.4028235e38F, -16777217.0F}) {
    std::string written;
    append_float(&written, value);
    EXPECT_EQ(static_cast<float>(nlohmann::json::parse(written).get<double>()), value) << written;
  }
  std::string written;
  append_integer(&written, INT64_MIN);
  EXPECT_EQ(written, "-9223372036854775808");
}

TEST(weaviate_text, utf8_is_strict) {
  for (const char* good : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf",
                          "\xed\xa0\x80", "\xe1\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xff", "a\xf0\x9f\x98"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(weaviate_text, urls_are_checked) {
  std::string why;
  EXPECT_EQ(checked_url("http://127.0.0.1:8080", &why), "http://127.0.0.1:8080");
  EXPECT_EQ(checked_url("https://example.com/weaviate//", &why), "https://example.com/weaviate");
  EXPECT_EQ(checked_url("http://[::1]:80/", &why), "http://[::1]:80");
  EXPECT_EQ(why, "");
  for (const char* wrong :
       {"", "127.0.0.1:8080", "ftp://x", "file:///etc/passwd", "http://", "http://a b",
        "http://user@x", "http://user:secret@x", "http://x?a=b", "http://x#y", "http://x:port"}) {
    why.clear();
    EXPECT_EQ(checked_url(wrong, &why), "") << wrong;
    EXPECT_NE(why, "") << wrong;
    EXPECT_EQ(why.find("secret"), std::string::npos);
  }
}

TEST(weaviate_text, paths_are_escaped) {
  EXPECT_EQ(escape_path("Doc_1-2.3~"), "Doc_1-2.3~");
  EXPECT_EQ(escape_path("a b/c?d=é"), "a%20b%2Fc%3Fd%3D%C3%A9");
}

}  // namespace
}  // namespace stash::weaviate
