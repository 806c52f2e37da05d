/** Reads docs/api.md: its examples, routes and tables. */

export interface Example {
  /** The heading above it. */
  readonly heading: string;
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly answer: { readonly status: number; readonly headers: [string, string][]; readonly body: string };
}

/** @throws {Error} for a block of code that is no example, or a `curl` with other options than these. */
export function readExamples(markdown: string): Example[] {
  const blocks = /^#+ (?<heading>.*)$|^```(?<language>\w*)\n(?<code>[\s\S]*?)^```$/gm;
  const examples: Example[] = [];
  let heading = "";
  let command: string | undefined;
  for (const { groups } of markdown.matchAll(blocks)) {
    const { language, code = "" } = groups!;
    if (language === undefined) heading = groups!["heading"]!;
    else if (language === "sh" && command === undefined) command = code;
    else if (language === "http" && command !== undefined) {
      examples.push({ heading, ...readCommand(command), answer: readAnswer(code) });
      command = undefined;
    } else {throw new Error(
        `Under "${heading}", a block is neither a command nor the answer to one:\n${code}`,
      );}
  }
  if (command !== undefined) throw new Error(`A command has no answer: ${command}`);
  return examples;
}

/** The cells of every row of a table whose first column has this title. */
export function readTable(markdown: string, title: string): string[][] {
  const lines = markdown.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${title} `));
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );
}

function readCommand(command: string): Omit<Example, "heading" | "answer"> {
  const words = [...command.replaceAll("\\\n", " ").matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) =>
    quoted ?? bare!
  );
  if (words.shift() !== "curl") throw new Error(`Not a curl command: ${command}`);
  const headers: Record<string, string> = {};
  let method: string | undefined;
  let body: string | undefined;
  let url: URL | undefined;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "-i" || word === "-N") continue;
    if (word === "-X") method = words.shift()!;
    else if (word === "-d") body = words.shift()!;
    else if (word === "-H") {
      const [name, value] = words.shift()!.split(": ");
      headers[name!] = value!;
    } else url = new URL(word);
  }
  if (url === undefined) throw new Error(`No URL in: ${command}`);
  method ??= body === undefined ? "GET" : "POST";
  return { method, path: url.pathname + url.search, headers, body };
}

function readAnswer(code: string): Example["answer"] {
  const [head = "", ...body] = code.trimEnd().split("\n\n");
  const [statusLine = "", ...lines] = head.split("\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(": ");
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  return { status: Number(statusLine.split(" ")[1]), headers, body: body.join("\n\n") };
}
