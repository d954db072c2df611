// Splits the text of an expression into tokens.
#pragma once

#include <string>
#include <string_view>

#include "expression.h"

namespace simulator {

enum class TokenKind { kEnd, kBad, kName, kNumber, kString, kPunctuation };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // of a name or of punctuation
  Value value;            // of a number or a string
};

class Lexer {
 public:
  Lexer(std::string_view text, const ExpressionRules& rules) : rest_(text), rules_(rules) {}
  Token next();

 private:
  Token take(TokenKind kind, std::size_t length);
  Token string(char quote);
  Token number();

  std::string_view rest_;
  const ExpressionRules& rules_;
};

}  // namespace simulator
