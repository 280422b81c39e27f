import { styleText } from 'node:util'
import type { Example } from './example.js'

/** What a person sees when it runs: what it is, and what to paste where. */
export function banner({ url, path, name, program, auth }: Example, storage: string, colours = false): string {
  const bold = (text: string) => (colours ? styleText('bold', text) : text)
  const dim = (text: string) => (colours ? styleText('dim', text) : text)
  const server = url + path
  const login: [string, string] = [
    'Login',
    `any name will do ${dim('a form for development; it refuses a public URL')}`,
  ]
  const rows = (entries: [string, string][]) => entries.map(([title, text]) => `  ${title.padEnd(13)} ${text}`)
  return [
    '',
    `${bold('MCP Gateway')} is up. Paste this into your MCP client:  ${bold(server)}`,
    '',
    ...rows([
      ['Claude Code', `claude mcp add --transport http ${name} ${server}`],
      ['Cursor', `.cursor/mcp.json    {"mcpServers":{"${name}":{"url":"${server}"}}}`],
      ['VS Code', `.vscode/mcp.json    {"servers":{"${name}":{"type":"http","url":"${server}"}}}`],
      ['Inspector', `npx @modelcontextprotocol/inspector --transport http --server-url ${server}`],
      ['mcp-remote', `npx mcp-remote ${server}`],
    ]),
    '',
    ...rows([
      ['MCP server', `${program} ${dim('one process per session, stdio bridged to Streamable HTTP')}`],
      auth
        ? ['Tokens', `from our own authorization server ${dim(`${url}/.well-known/oauth-authorization-server`)}`]
        : ['Tokens', 'none: AUTH=off, so whoever is on this machine may use it'],
      ...(auth ? [login] : []),
      ['Storage', storage],
      ['Health', `${url}/health`],
    ]),
    '',
    dim('Ctrl-C stops it.'),
    '',
  ].join('\n')
}
