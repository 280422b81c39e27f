// What it costs to keep secrets out of a log line, beside making JSON of it: of the short texts that are kept for false hits,
// and of a text with many names.
import { readFileSync } from 'node:fs'
import { redactText } from '@mcp-gateway/core/internal'
import { createLogger } from '@mcp-gateway/core/logging'
import { compare } from './harness.js'

const rounds = Number(process.env.BENCH_ROUNDS ?? 15)
const texts = readFileSync(new URL('../test/redaction/harmless.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(Boolean)
const prose = texts.join(' ').slice(0, 8000)
const logger = createLogger({ write: () => {} })
const fields = {
  service: 'gateway',
  request_id: '425aa37e-9129-428d-8b0c-81eb558d7c18',
  http_method: 'POST',
  path: '/notes/mcp',
  status: 200,
  latency_ms: 3.7,
  decision: 'allow',
  resource: 'https://mcp.example.com/notes/mcp',
  user_sub: '26d1946ab9f6f68b',
  client_id: 'client-1',
  method: 'tools/call',
  target: 'add',
}

const size = (all: readonly string[]) => all.reduce((sum, text) => sum + text.length, 0)
const corpora = { [`${texts.length} short texts`]: texts, 'one long text': [prose] }
for (const [what, all] of Object.entries(corpora)) {
  await compare(
    `redactText, ${what}, ${size(all)} characters (MB/s is that by the microseconds)`,
    {
      'JSON.stringify': () => all.map((text) => JSON.stringify(text)),
      redactText: () => all.map((text) => redactText(text)),
    },
    { rounds, operations: 300 },
  )
}
await compare(
  'an access line',
  {
    'JSON.stringify': () => JSON.stringify(fields),
    createLogger: () => logger.info(fields, 'request'),
  },
  { rounds, operations: 5000 },
)
