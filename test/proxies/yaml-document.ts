/** A value of a YAML document; every scalar is text. */
export type Yaml = string | Yaml[] | { [key: string]: Yaml }

interface Line {
  readonly indent: number
  readonly text: string
}

/** Reads the part of YAML that the recipes are written in: block and flow maps and lists, plain and quoted scalars. */
export function readYaml(text: string): Yaml {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }))
  return readBlock(lines, 0, lines.length)
}

function readBlock(lines: Line[], start: number, end: number): Yaml {
  const indent = lines[start]?.indent ?? 0
  const isList = lines[start]?.text.startsWith('- ') ?? false
  const list: Yaml[] = []
  const map: { [key: string]: Yaml } = {}
  for (let index = start; index < end; ) {
    let next = index + 1
    while (next < end && (lines[next]?.indent ?? 0) > indent) next += 1
    const { text } = lines[index] as Line
    if (isList) {
      const item = { indent: indent + 2, text: text.slice(2).trim() }
      const isMap = splitKey(item.text) !== undefined && !/^['"{[]/.test(item.text)
      list.push(isMap ? readBlock([item, ...lines.slice(index + 1, next)], 0, next - index) : readFlow(item.text))
    } else {
      const [key, rest] = splitKey(text) ?? [text, '']
      // A list may stand as deep as its key
      while (rest === '' && next < end && lines[next]?.indent === indent && lines[next]?.text.startsWith('- ')) {
        next += 1
        while (next < end && (lines[next]?.indent ?? 0) > indent) next += 1
      }
      map[key] = rest === '' && next > index + 1 ? readBlock(lines, index + 1, next) : readFlow(rest)
    }
    index = next
  }
  return isList ? list : map
}

function splitKey(text: string): [string, string] | undefined {
  const match = /^(?:"([^"]+)"|([^\s"'{[:][^\s:]*)):(?:\s+(.*))?$/.exec(text)
  return match === null ? undefined : [match[1] ?? match[2] ?? '', match[3] ?? '']
}

function readFlow(text: string): Yaml {
  if (/^'.*'$/.test(text) || /^".*"$/.test(text)) return text.slice(1, -1)
  if (text.startsWith('[') && text.endsWith(']')) return split(text.slice(1, -1)).map(readFlow)
  if (text.startsWith('{') && text.endsWith('}')) {
    return Object.fromEntries(
      split(text.slice(1, -1)).map((pair) => {
        const [key, value] = splitKey(pair) ?? [pair, '']
        return [key, readFlow(value)]
      }),
    )
  }
  return text
}

/** Splits at the commas that are in no brackets and no quotes. */
function split(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quote = ''
  let part = ''
  for (const char of text) {
    if (quote !== '') quote = char === quote ? '' : quote
    else if (char === "'" || char === '"') quote = char
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') depth -= 1
    if (char === ',' && depth === 0 && quote === '') {
      parts.push(part.trim())
      part = ''
    } else part += char
  }
  return part.trim() === '' ? parts : [...parts, part.trim()]
}

/** Walks into a document; what is not there is an empty map. */
export function at(document: Yaml | undefined, ...path: (string | number)[]): Yaml {
  let value: Yaml | undefined = document
  for (const key of path) value = typeof value === 'object' ? (value as { [key: string]: Yaml })[key] : undefined
  return value ?? {}
}

/** A list of a document; an empty one where there is none. */
export function listAt(document: Yaml | undefined, ...path: (string | number)[]): Yaml[] {
  const value = at(document, ...path)
  return Array.isArray(value) ? value : []
}

/** A scalar of a document; empty where there is none. */
export function textAt(document: Yaml | undefined, ...path: (string | number)[]): string {
  const value = at(document, ...path)
  return typeof value === 'string' ? value : ''
}
