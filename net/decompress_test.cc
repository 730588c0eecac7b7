#include "net/decompress.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <random>

namespace keng::net {
namespace {

std::string Gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string Noise(size_t size) {
  std::mt19937_64 random(1);
  std::string noise(size, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  return noise;
}

class DecompressTest : public ::testing::TestWithParam<ContentCoding> {
 protected:
  static std::string Pack(std::string_view text) {
    return GetParam() == ContentCoding::kGzip ? Gzip(text) : Zstd(text);
  }
};

TEST_P(DecompressTest, GivesBackWhatWentIn) {
  for (const std::string& text : {std::string(), std::string("ngập"), Noise(200'000),
                                  std::string(300'000, 'a') + Noise(9000)}) {
    const auto got = Decompress(GetParam(), Pack(text), {});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, text);
  }
}

TEST_P(DecompressTest, JoinsMembers) {
  const auto got = Decompress(GetParam(), Pack("một ") + Pack("") + Pack("hai"), {});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, "một hai");
}

TEST_P(DecompressTest, EveryCutAndEveryTailIsAnError) {
  const std::string packed = Pack(Noise(5000));
  for (size_t size = 0; size < packed.size(); size += size < 64 ? 1 : 97) {
    EXPECT_EQ(Decompress(GetParam(), packed.substr(0, size), {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
  EXPECT_FALSE(Decompress(GetParam(), packed + "x", {}).ok());
  EXPECT_FALSE(Decompress(GetParam(), "plain text, not packed at all", {}).ok());
}

TEST_P(DecompressTest, ABombIsStoppedByTheRatioAndTheCap) {
  const std::string bomb = Pack(std::string(50 << 20, 'a'));
  ASSERT_LT(bomb.size(), size_t{100'000});
  DecompressLimits by_ratio;
  by_ratio.bytes_max = size_t{1} << 30;
  EXPECT_EQ(Decompress(GetParam(), bomb, by_ratio).status().code(),
            absl::StatusCode::kResourceExhausted);
  DecompressLimits by_cap;
  by_cap.ratio_max = 1'000'000;
  EXPECT_EQ(Decompress(GetParam(), bomb, by_cap).status().code(),
            absl::StatusCode::kResourceExhausted);
  DecompressLimits enough;
  enough.bytes_max = 50 << 20;
  enough.ratio_max = 1'000'000;
  EXPECT_TRUE(Decompress(GetParam(), bomb, enough).ok());
}

INSTANTIATE_TEST_SUITE_P(Codings, DecompressTest,
                         ::testing::Values(ContentCoding::kGzip, ContentCoding::kZstd),
                         [](const auto& info) {
                           return info.param == ContentCoding::kGzip ? "gzip" : "zstd";
                         });

TEST(ContentCodingTest, Names) {
  EXPECT_EQ(ContentCodingByName(""), ContentCoding::kIdentity);
  EXPECT_EQ(ContentCodingByName("Identity"), ContentCoding::kIdentity);
  EXPECT_EQ(ContentCodingByName("GZIP"), ContentCoding::kGzip);
  EXPECT_EQ(ContentCodingByName(" x-gzip "), ContentCoding::kGzip);
  EXPECT_EQ(ContentCodingByName("zstd"), ContentCoding::kZstd);
  EXPECT_EQ(ContentCodingByName("br"), std::nullopt);
  EXPECT_EQ(ContentCodingByName("gzip, zstd"), std::nullopt);
}

TEST(IdentityTest, OnlyTheCapApplies) {
  DecompressLimits limits;
  limits.bytes_max = 4;
  EXPECT_TRUE(Decompress(ContentCoding::kIdentity, "1234", limits).ok());
  EXPECT_FALSE(Decompress(ContentCoding::kIdentity, "12345", limits).ok());
}

}  // namespace
}  // namespace keng::net
