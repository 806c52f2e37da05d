/**
 * The changes of mutants: small mistakes that a test should detect. Each operator checks one node of the syntax tree.
 */

import ts from "typescript";

/** The replacement of a node, or of a part of it. */
export interface Change {
  /** A node of the tree, or its operator; the whole of what the operator was asked about unless given. */
  readonly at?: ts.Node;
  readonly replacement: string;
}

export interface Operator {
  readonly name: string;
  /** Changes at this node; none where the operator does not fit. */
  readonly changes: (node: ts.Node, source: ts.SourceFile) => Change[];
}

const SWAPPED = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.AmpersandAmpersandToken, "||"],
  [ts.SyntaxKind.BarBarToken, "&&"],
  [ts.SyntaxKind.LessThanToken, "<="],
  [ts.SyntaxKind.LessThanEqualsToken, "<"],
  [ts.SyntaxKind.GreaterThanToken, ">="],
  [ts.SyntaxKind.GreaterThanEqualsToken, ">"],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "==="],
  [ts.SyntaxKind.MinusToken, "+"],
  [ts.SyntaxKind.AsteriskToken, "/"],
  [ts.SyntaxKind.SlashToken, "*"],
  [ts.SyntaxKind.PlusEqualsToken, "-="],
  [ts.SyntaxKind.MinusEqualsToken, "+="],
  [ts.SyntaxKind.QuestionQuestionEqualsToken, "="],
]);

const MANY = 100;

const text = (node: ts.Node, source: ts.SourceFile) => node.getText(source);

/** Drops a statement, or a call in it. */
const dropStatement: Operator = {
  name: "drop statement",
  changes(node) {
    if (ts.isExpressionStatement(node)) {
      const isSuper = ts.isCallExpression(node.expression) &&
        node.expression.expression.kind === ts.SyntaxKind.SuperKeyword;
      return isSuper ? [] : [{ replacement: ";" }];
    }
    const isJump = ts.isThrowStatement(node) || ts.isBreakStatement(node) || ts.isContinueStatement(node);
    return isJump ? [{ replacement: ";" }] : [];
  },
};

const dropReturn: Operator = {
  name: "drop return",
  changes(node, source) {
    if (!ts.isReturnStatement(node)) return [];
    return [{ replacement: node.expression === undefined ? ";" : `(${text(node.expression, source)});` }];
  },
};

const negateCondition: Operator = {
  name: "negate condition",
  changes(node, source) {
    if (ts.isIfStatement(node)) {
      return [{ at: node.expression, replacement: `!(${text(node.expression, source)})` }];
    }
    if (ts.isConditionalExpression(node)) {
      return [{ at: node.condition, replacement: `!(${text(node.condition, source)})` }];
    }
    if (ts.isWhileStatement(node)) return [{ at: node.expression, replacement: "false" }];
    return [];
  },
};

const dropNot: Operator = {
  name: "drop !",
  changes(node, source) {
    const isNot = ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken;
    // At the top of a condition, negating it is the same.
    if (!isNot || ts.isIfStatement(node.parent) || ts.isConditionalExpression(node.parent)) return [];
    return [{ replacement: text(node.operand, source) }];
  },
};

const swapOperator: Operator = {
  name: "swap operator",
  changes(node, source) {
    if (!ts.isBinaryExpression(node)) return [];
    const { operatorToken: operator, left, right } = node;
    if (operator.kind === ts.SyntaxKind.PlusToken) {
      return isText(left) || isText(right) ? [] : [{ at: operator, replacement: "-" }];
    }
    if (operator.kind === ts.SyntaxKind.QuestionQuestionToken) {
      return [{ replacement: text(left, source) }];
    }
    const other = SWAPPED.get(operator.kind);
    return other === undefined ? [] : [{ at: operator, replacement: other }];
  },
};

const swapStep: Operator = {
  name: "swap ++ and --",
  changes(node, source) {
    if (!ts.isPrefixUnaryExpression(node) && !ts.isPostfixUnaryExpression(node)) return [];
    const isUp = node.operator === ts.SyntaxKind.PlusPlusToken;
    if (!isUp && node.operator !== ts.SyntaxKind.MinusMinusToken) return [];
    const [from, to] = isUp ? ["++", "--"] : ["--", "++"];
    return [{ replacement: text(node, source).replace(from!, to!) }];
  },
};

const changeConstant: Operator = {
  name: "change constant",
  changes(node) {
    if (node.kind === ts.SyntaxKind.TrueKeyword) return [{ replacement: "false" }];
    if (node.kind === ts.SyntaxKind.FalseKeyword) return [{ replacement: "true" }];
    if (!ts.isNumericLiteral(node)) return [];
    const value = Number(node.text);
    if (value === 0) return [{ replacement: "1" }];
    // One more than a large number is no mistake that a test could detect.
    return [{ replacement: "0" }, ...value < MANY ? [{ replacement: String(value + 1) }] : []];
  },
};

const dropAwait: Operator = {
  name: "drop await",
  changes(node, source) {
    return ts.isAwaitExpression(node) ? [{ replacement: `(${text(node.expression, source)})` }] : [];
  },
};

/** Resources left open at the end of a block. */
const dropUsing: Operator = {
  name: "drop using",
  changes(node, source) {
    if (!ts.isVariableDeclarationList(node)) return [];
    const whole = text(node, source);
    return /^(await )?using /.test(whole)
      ? [{ replacement: whole.replace(/^(await )?using /, "const ") }]
      : [];
  },
};

export const OPERATORS: readonly Operator[] = [
  dropStatement,
  dropReturn,
  negateCondition,
  dropNot,
  swapOperator,
  swapStep,
  changeConstant,
  dropAwait,
  dropUsing,
];

function isText(node: ts.Node): boolean {
  if (ts.isBinaryExpression(node)) return isText(node.left) || isText(node.right);
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}
