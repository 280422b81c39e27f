// A stdio server of the era in its argument that costs as little as one can, with tools/call alone.
const isModern = process.argv[2] === 'modern'
const texts = new Map()
let rest = Buffer.alloc(0)

function text(bytes) {
  if (!texts.has(bytes)) texts.set(bytes, 'x'.repeat(bytes))
  return texts.get(bytes)
}

function resultOf(method, params) {
  if (method === 'initialize') {
    const serverInfo = '"serverInfo":{"name":"bench","version":"1"}'
    return isModern ? undefined : `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},${serverInfo}}`
  }
  if (method === 'server/discover') {
    const hints = '"resultType":"complete","ttlMs":3600000,"cacheScope":"public"'
    return isModern ? `{${hints},"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}` : undefined
  }
  if (method === 'tools/list') return `{${isModern ? '"resultType":"complete","ttlMs":3600000,' : ''}"tools":[]}`
  if (method !== 'tools/call') return undefined
  const head = isModern ? '"resultType":"complete",' : ''
  return `{${head}"content":[{"type":"text","text":"${text(params.arguments.bytes)}"}]}`
}

process.stdin.on('data', (chunk) => {
  rest = Buffer.concat([rest, chunk])
  for (let at = rest.indexOf(10); at !== -1; at = rest.indexOf(10)) {
    const { id, method, params } = JSON.parse(rest.subarray(0, at).toString())
    rest = rest.subarray(at + 1)
    if (id === undefined) continue
    const result = resultOf(method, params)
    const error = '"error":{"code":-32601,"message":"Method not found"}'
    process.stdout.write(
      `{${result === undefined ? error : `"result":${result}`},"jsonrpc":"2.0","id":${JSON.stringify(id)}}\n`,
    )
  }
})
process.stdin.on('end', () => process.exit(0))
