import { isObjectOrList } from '../json/is-object.js'
import { decodeHeaderValue } from '../protocol/header-value.js'

/** An argument of a tool that a header mirrors (`x-mcp-header` in its schema). */
export interface HeaderParameter {
  /** `Mcp-Param-{name}`. */
  readonly header: string
  /** The names of the properties that lead to the argument. */
  readonly path: readonly string[]
  readonly isNumber: boolean
}

const key = 'x-mcp-header'
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const maxDepth = 16

/** The mirrored arguments of a tool: those that its schema reaches through `properties` alone. */
export function headerParameters(inputSchema: unknown): HeaderParameter[] {
  const found: HeaderParameter[] = []
  collect(inputSchema, [], found)
  return found
}

function collect(schema: unknown, path: readonly string[], found: HeaderParameter[]): void {
  if (!isObjectOrList(schema) || path.length > maxDepth) return
  const name = schema[key]
  if (typeof name === 'string' && token.test(name) && path.length > 0) {
    found.push({ header: `Mcp-Param-${name}`, path, isNumber: schema.type === 'integer' || schema.type === 'number' })
  }
  if (!isObjectOrList(schema.properties)) return
  for (const [property, inner] of Object.entries(schema.properties)) collect(inner, [...path, property], found)
}

/**
 * Compares the headers of a call with its arguments (MCP M10). Headers without an argument, and headers that no schema
 * names, are nobody's business here.
 *
 * @returns what is wrong, or `undefined`
 */
export function checkHeaderParameters(
  parameters: readonly HeaderParameter[],
  toolArguments: unknown,
  headers: Headers,
): string | undefined {
  for (const { header, path, isNumber } of parameters) {
    const value = valueAt(toolArguments, path)
    if (value === undefined) continue
    const sent = headers.get(header)
    if (sent === null) return `The header ${header} is missing; it must mirror the argument ${path.join('.')}`
    const decoded = decodeHeaderValue(sent.trim())
    if (decoded === undefined) return `The header ${header} is not well-formed base64 in UTF-8`
    const isSame = isNumber && typeof value === 'number' ? isDecimal(decoded, value) : decoded === String(value)
    if (!isSame) return `The header ${header} differs from the argument ${path.join('.')}`
  }
  return undefined
}

/** The headers that a call with these arguments needs, each with its value as text, which a header may not be able to hold. */
export function mirrorArguments(parameters: readonly HeaderParameter[], toolArguments: unknown): [string, string][] {
  return parameters.flatMap(({ header, path }): [string, string][] => {
    const value = valueAt(toolArguments, path)
    if (value === undefined) return []
    // MCP M10: integers are written in decimal, however large
    return [[header, Number.isInteger(value) ? BigInt(value).toString() : String(value)]]
  })
}

function valueAt(root: unknown, path: readonly string[]): string | number | boolean | undefined {
  let value = root
  for (const name of path) value = isObjectOrList(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}

// 42.0 and 42 are the same number (MCP M10)
function isDecimal(text: string, value: number): boolean {
  return /^-?\d+(\.\d+)?$/.test(text) && Number(text) === value
}
