import { expect, test, vi } from 'vitest'
import { checkHeaderParameters, headerParameters } from './header-parameters.js'
import { ToolHeaders } from './tool-headers.js'

const echo = { name: 'echo', inputSchema: { properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } }

test('[M10] numbers are compared as numbers, nested arguments are found, others are not', () => {
  const schema = {
    type: 'object',
    properties: {
      level: { type: 'integer', 'x-mcp-header': 'Level' },
      inner: { type: 'object', properties: { flag: { type: 'boolean', 'x-mcp-header': 'Flag' } } },
      list: { type: 'array', items: { type: 'string', 'x-mcp-header': 'Item' } },
      bad: { type: 'string', 'x-mcp-header': 'not a token' },
    },
  }
  const parameters = headerParameters(schema)
  expect(parameters.map(({ header }) => header)).toEqual(['Mcp-Param-Level', 'Mcp-Param-Flag'])
  const args = { level: 42, inner: { flag: true }, list: ['x'] }
  const check = (headers: Record<string, string>) => checkHeaderParameters(parameters, args, new Headers(headers))
  expect(check({ 'Mcp-Param-Level': '42.0', 'Mcp-Param-Flag': 'true' })).toBeUndefined()
  expect(check({ 'Mcp-Param-Level': '42', 'Mcp-Param-Flag': 'True' })).toContain('inner.flag')
  expect(check({ 'Mcp-Param-Level': '0x2a', 'Mcp-Param-Flag': 'true' })).toContain('level')
  expect(checkHeaderParameters(parameters, null, new Headers())).toBeUndefined()
})

test('a list of tools that is none does not end the calls', async () => {
  const page = async () => ({ tools: [null, 3, { name: 1 }], ttlMs: 'soon' })
  expect(await new ToolHeaders({ page, onChange: () => undefined }).of('echo')).toEqual([])
})

test('a list that could not be read once is read again at the next call [finding 10]', async () => {
  const page = vi.fn(async () => ({ tools: [echo], ttlMs: 60_000 }))
  page.mockRejectedValueOnce(new Error('The list broke off'))
  const headers = new ToolHeaders({ page, onChange: () => undefined })
  await expect(headers.of('echo')).rejects.toThrow('broke off')
  expect(await headers.of('echo')).toHaveLength(1)
})

test('[M10] a list is read again after its time, but not at every call, and soon where there was none', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const page = vi.fn(async (): Promise<Record<string, unknown> | undefined> => undefined)
    const headers = new ToolHeaders({ page, onChange: () => undefined })
    expect([await headers.of('echo'), await headers.of('echo'), page.mock.calls.length]).toEqual([[], [], 1])
    vi.advanceTimersByTime(1001)
    page.mockResolvedValue({ tools: [echo], ttlMs: 60_000 })
    expect(await headers.of('echo')).toHaveLength(1)
    vi.advanceTimersByTime(59_000)
    expect(await headers.of('echo')).toHaveLength(1)
    expect(page).toHaveBeenCalledTimes(2)
    vi.advanceTimersByTime(1001)
    await headers.of('echo')
    expect(page).toHaveBeenCalledTimes(3)
  } finally {
    vi.useRealTimers()
  }
})
