const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** A name as a header may carry it: as it is, or in the form for what headers cannot hold (MCP M9). */
export function nameHeader(name: string): string {
  if (plain.test(name) && !/^=\?base64\?.*\?=$/.test(name)) return name
  const bytes = new TextEncoder().encode(name)
  return `=?base64?${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}?=`
}
