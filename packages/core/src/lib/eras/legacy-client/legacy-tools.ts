import { scanArray } from '../../json/json-scan.js'
import { allocate, at, parseSpan, rawJson } from '../../json/raw-json.js'
import { type Edit, splice } from '../../json/splice.js'
import { withoutMembers } from '../../json/without-members.js'
import type { RawJson } from '../era-server.js'
import { membersOf } from '../members-of.js'

const decoder = new TextDecoder()

/**
 * A result as clients of the legacy era can read it, for whom structured content is an object: a schema of anything else
 * is left out of the list of tools, and any other value becomes the member `result` of an object.
 */
export function legacyTools(method: string, result: RawJson): RawJson {
  if (method === 'tools/list') return withoutForeignSchemas(result)
  return method === 'tools/call' ? withObject(result) : result
}

function withoutForeignSchemas(result: RawJson): RawJson {
  const { tools } = membersOf(result, ['tools'])
  if (tools === undefined || result[tools.start] !== 0x5b) return result
  const edits: Edit[] = []
  scanArray(result, tools.start, (span) => {
    const tool = at(result, span)
    const { outputSchema } = membersOf(tool, ['outputSchema'])
    const schema = outputSchema && at(tool, outputSchema)
    if (schema === undefined || parseSpan(schema, membersOf(schema, ['type']).type) === 'object') return
    edits.push({ ...span, bytes: withoutMembers(tool, (key) => key === 'outputSchema') })
  })
  return edits.length === 0 ? result : splice(result, edits, allocate)
}

function withObject(result: RawJson): RawJson {
  const { structuredContent, content } = membersOf(result, ['structuredContent', 'content'])
  if (structuredContent === undefined || result[structuredContent.start] === 0x7b) return result
  const value = at(result, structuredContent)
  const edits: Edit[] = [{ ...structuredContent, bytes: rawJson('{"result":', value, '}') }]
  if (content !== undefined && result[content.start] === 0x5b && !hasText(at(result, content))) {
    const isEmpty = /^\[\s*\]$/.test(decoder.decode(at(result, content)))
    const text = `${isEmpty ? '' : ','}{"type":"text","text":${JSON.stringify(decoder.decode(value))}}`
    edits.push({ start: content.end - 1, end: content.end - 1, bytes: rawJson(text) })
  }
  return splice(result, edits, allocate)
}

function hasText(content: RawJson): boolean {
  let found = false
  scanArray(content, 0, (span) => {
    const part = at(content, span)
    if (parseSpan(part, membersOf(part, ['type']).type) === 'text') found = true
  })
  return found
}
