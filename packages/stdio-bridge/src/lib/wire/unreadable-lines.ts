import { type Span, scanObject, skipSpace } from '@mcp-gateway/core/internal'
import { ownNumberAt } from './own-number.js'

const escapeByte = 0x1b
/** A command for a terminal, such as a colour, behind its first byte. */
const command = /^\[[0-9;?]{0,16}[A-Za-z]/
/** How many bytes of a line are looked at for what stands before a message, or for a member on a line of its own. */
const looked = 256
const memberLine = /^([ \t]{0,64})"(jsonrpc|id|method|result|error)"[ \t]{0,8}:[ \t]{0,8}([^ \t,]{0,40})/

/** A message that is being written over several lines. */
interface Spread {
  /** White space before its members; that of the members of other objects is another. */
  indent?: string
  number: number
  isVersioned: boolean
  isResponse: boolean
}

/** Tells of lines that cannot be read whose answers they were meant to be. */
export class UnreadableLines {
  #spread: Spread | undefined

  /** The number of the request that this line answers, alone or with those before it; -1 where it answers none. */
  read(line: Buffer): number {
    const head = line.toString('latin1', 0, looked)
    const at = messageStart(head)
    if (line[at] !== 0x7b) return this.#goOn(head)
    this.#spread = undefined
    const isBare = skipSpace(line, at + 1) === line.length
    if (!isBare) return answered(line, at)
    this.#spread = { number: -1, isVersioned: false, isResponse: false }
    return -1
  }

  #goOn(head: string): number {
    const spread = this.#spread
    if (spread === undefined) return -1
    if (head.startsWith('}')) this.#spread = undefined
    const [, indent, name, value = ''] = memberLine.exec(head) ?? []
    if (name === undefined || indent !== (spread.indent ?? indent)) {
      // The first member may have another name, and is not deeper than the next ones
      spread.indent ??= /^[ \t]*(?=")/.exec(head)?.[0]
      return -1
    }
    spread.indent = indent
    if (name === 'method') this.#spread = undefined
    else if (name === 'id') spread.number = ownNumberAt(Buffer.from(value), { start: 0, end: value.length })
    else if (name === 'jsonrpc') spread.isVersioned = true
    else spread.isResponse = true
    const isWhole = this.#spread !== undefined && spread.isVersioned && spread.isResponse
    return isWhole ? spread.number : -1
  }
}

/** Where a message may begin: behind white space and commands for a terminal. */
function messageStart(head: string): number {
  let at = 0
  while (at < head.length && head.charCodeAt(at) <= 0x20) {
    const isCommand = head.charCodeAt(at) === escapeByte
    at += 1 + (isCommand ? (command.exec(head.slice(at + 1, at + 32))?.[0].length ?? 0) : 0)
  }
  return at
}

/** The number of the response that begins here, as far as it can be taken apart. */
function answered(line: Buffer, at: number): number {
  let id: Span | undefined
  let isRequest = false
  let isResponse = false
  scanObject(line, at, (key, value) => {
    if (key === 'id') id = value
    else if (key === 'method') isRequest = true
    else if (key === 'result' || key === 'error') isResponse = true
  })
  return isResponse && !isRequest ? ownNumberAt(line, id) : -1
}
