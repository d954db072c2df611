// Precedence as in C. Depth is bounded where the tree could become deep: in
// brackets, in chains of operators and in chains of brackets after an operand.
#include <utility>

#include "expression.h"
#include "expression_functions.h"
#include "expression_lexer.h"

namespace simulator {
namespace {

constexpr int kMaxNesting = 200;
constexpr int kMaxChain = 2000;  // in one expression

struct BinaryOperator {
  std::string_view text;
  Operator op;
  int level;
};

constexpr BinaryOperator kOperators[] = {
    {"==", Operator::kEqual, 0},       {"!=", Operator::kNotEqual, 0}, {"<", Operator::kLess, 1},
    {"<=", Operator::kLessEqual, 1},   {">", Operator::kGreater, 1},   {">=", Operator::kGreaterEqual, 1},
    {"in", Operator::kIn, 1},          {"+", Operator::kAdd, 2},       {"-", Operator::kSubtract, 2},
    {"*", Operator::kMultiply, 3},     {"/", Operator::kDivide, 3},    {"%", Operator::kModulo, 3},
};
constexpr int kUnaryLevel = 4;

struct ParseError {
  std::string text;
};

NodePtr make_node(NodeKind kind, Value literal = Value()) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->literal = std::move(literal);
  return node;
}

class Parser {
 public:
  Parser(std::string_view text, const ExpressionRules& rules) : lexer_(text, rules), rules_(rules) { advance(); }

  NodePtr parse() {
    NodePtr node = parse_or();
    if (token_.kind != TokenKind::kEnd) fail();
    return node;
  }

 private:
  // Counts how deep the parser is in brackets and signs.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : depth_(parser.depth_) {
      if (++depth_ > kMaxNesting) throw ParseError{"too deeply nested"};
    }
    ~Nesting() { --depth_; }

   private:
    int& depth_;
  };

  [[noreturn]] void fail() {
    bool at_end = token_.kind == TokenKind::kEnd;
    throw ParseError{at_end ? "unexpected end" : "unexpected " + std::string(token_.text)};
  }

  void advance() {
    token_ = lexer_.next();
    if (token_.kind == TokenKind::kBad) fail();
  }

  bool at(std::string_view punctuation) const {
    return token_.kind == TokenKind::kPunctuation && token_.text == punctuation;
  }

  bool accept(std::string_view punctuation) {
    if (!at(punctuation)) return false;
    advance();
    return true;
  }

  void expect(std::string_view punctuation) {
    if (!accept(punctuation)) fail();
  }

  // a || b || c is one node of three: a list of ids may have thousands.
  template <typename Operand>
  NodePtr parse_flat(NodeKind kind, std::string_view op, Operand operand) {
    NodePtr first = operand();
    if (!at(op)) return first;
    NodePtr node = make_node(kind);
    node->children.push_back(std::move(first));
    while (accept(op)) node->children.push_back(operand());
    return node;
  }

  NodePtr parse_or() {
    Nesting nesting(*this);
    return parse_flat(NodeKind::kOr, "||", [this] { return parse_and(); });
  }

  NodePtr parse_and() {
    return parse_flat(NodeKind::kAnd, "&&", [this] { return parse_binary(0); });
  }

  const BinaryOperator* operator_here(int level) const {
    bool word = token_.kind == TokenKind::kName && token_.text == "in" && rules_.in_operator;
    if (token_.kind != TokenKind::kPunctuation && !word) return nullptr;
    for (const auto& entry : kOperators) {
      if (entry.level == level && entry.text == token_.text) return &entry;
    }
    return nullptr;
  }

  NodePtr parse_binary(int level) {
    if (level == kUnaryLevel) return parse_unary();
    NodePtr left = parse_binary(level + 1);
    bool first = true;
    while (const BinaryOperator* found = operator_here(level)) {
      // a + b + c is as deep as it is long
      if (!std::exchange(first, false) && ++chained_ > kMaxChain) throw ParseError{"too many operators in a row"};
      advance();
      NodePtr node = make_node(NodeKind::kBinary);
      node->op = found->op;
      node->children.push_back(std::move(left));
      node->children.push_back(parse_binary(level + 1));
      left = std::move(node);
    }
    return left;
  }

  NodePtr parse_unary() {
    Nesting nesting(*this);
    for (auto [text, kind] : {std::pair("!", NodeKind::kNot), std::pair("-", NodeKind::kNegate)}) {
      if (!accept(text)) continue;
      NodePtr node = make_node(kind);
      node->children.push_back(parse_unary());
      return node;
    }
    return parse_postfix();
  }

  NodePtr parse_postfix() {
    NodePtr node = parse_primary();
    for (int chain = 0;; ++chain) {
      if (chain > kMaxNesting) throw ParseError{"too many brackets in a row"};
      if (at("[")) {
        node = parse_brackets(std::move(node));
      } else if (at(".")) {
        NodePtr member = make_node(NodeKind::kMember);
        member->children.push_back(std::move(node));
        while (accept(".")) member->path.push_back(parse_name());
        node = std::move(member);
      } else {
        return node;
      }
    }
  }

  std::string parse_name() {
    if (token_.kind != TokenKind::kName) fail();
    std::string name(token_.text);
    advance();
    return name;
  }

  // list[i], list[from:to], list[:to], list[from:]
  NodePtr parse_brackets(NodePtr list) {
    expect("[");
    NodePtr from = at(":") ? nullptr : parse_or();
    NodePtr node = make_node(at(":") ? NodeKind::kSlice : NodeKind::kIndex);
    node->children.push_back(std::move(list));
    node->children.push_back(std::move(from));
    if (accept(":")) node->children.push_back(at("]") ? nullptr : parse_or());
    expect("]");
    return node;
  }

  NodePtr parse_primary() {
    if (token_.kind == TokenKind::kNumber || token_.kind == TokenKind::kString) {
      NodePtr node = make_node(NodeKind::kLiteral);
      node->literal = std::move(token_.value);
      advance();
      return node;
    }
    if (token_.kind == TokenKind::kName) return parse_named();
    if (at("[")) return parse_list();
    expect("(");
    NodePtr node = parse_or();
    expect(")");
    return node;
  }

  NodePtr parse_list() {
    NodePtr node = make_node(NodeKind::kList);
    expect("[");
    parse_items(*node, "]");
    // a list of constants is made once, unless its making has something to say
    bool constant = rules_.mixed_list == ExpressionRules::MixedList::kAny;
    List items;
    for (const auto& child : node->children) {
      constant = constant && child->kind == NodeKind::kLiteral;
      if (constant) items.push_back(child->literal);
    }
    if (constant) node->literal = std::move(items);
    return node;
  }

  void parse_items(Node& node, std::string_view close) {
    if (accept(close)) return;
    do {
      node.children.push_back(parse_or());
    } while (accept(","));
    expect(close);
  }

  NodePtr parse_named() {
    std::string name = parse_name();
    if (at("(")) return parse_call(name);
    NodePtr node = make_node(NodeKind::kLiteral);
    if (name == "null" || name == "nil") {
      node->literal = nullptr;
    } else if (name == "true" || name == "false") {
      node->literal = name == "true";
    } else {
      node->kind = NodeKind::kPath;
      node->path.push_back(std::move(name));
      while (accept(".")) node->path.push_back(parse_name());
    }
    return node;
  }

  NodePtr parse_call(const std::string& name) {
    const Function* function = find_function(name);
    if (!function) throw ParseError{"no function " + name};
    NodePtr node = make_node(name == "if" ? NodeKind::kIf : NodeKind::kCall);
    node->function = function;
    expect("(");
    parse_items(*node, ")");
    bool in_literal = name == "contains" && !node->children.empty() && node->children[0]->kind == NodeKind::kList;
    if (in_literal && rules_.refuse_contains_literal) throw ParseError{"contains of a list literal"};
    if (in_literal && rules_.contains_literal_is_null) return make_node(NodeKind::kLiteral, nullptr);
    auto count = static_cast<int>(node->children.size());
    if (count < function->fewest || (function->most >= 0 && count > function->most)) {
      throw ParseError{"wrong number of arguments for " + name};
    }
    return node;
  }

  Lexer lexer_;
  const ExpressionRules& rules_;
  Token token_;
  int depth_ = 0;
  int chained_ = 0;
};

}  // namespace

NodePtr parse_expression(std::string_view text, const ExpressionRules& rules, std::string& error) {
  try {
    return Parser(text, rules).parse();
  } catch (const ParseError& failure) {
    error = failure.text;
    return nullptr;
  }
}

}  // namespace simulator
