import { expect, test } from 'vitest'
import { parameterName, parameters, readForm, refuseRepeated } from './form.js'

const type = 'application/x-www-form-urlencoded'
const post = (body: string, contentType = type) =>
  new Request('https://auth.example.com/token', { method: 'POST', headers: { 'Content-Type': contentType }, body })
const many = (count: number, name = (index: number) => `p${index}`) =>
  Array.from({ length: count }, (_, index) => `${name(index)}=${index}`).join('&')
const refused = expect.objectContaining({ status: 400, code: 'invalid_request' })

test.each([
  ['names of their own', (index: number) => `p${index}`],
  ['one name', () => 'resource'],
  ['empty names', () => ''],
])('a hundred parameters are read and one more is refused: %s', async (_what, name) => {
  expect(() => parameters(new URLSearchParams(many(100, name)))).not.toThrow()
  expect(() => parameters(new URLSearchParams(many(101, name)))).toThrow(refused)
  await expect(readForm(post(many(100, name)))).resolves.toBeDefined()
  await expect(readForm(post(many(101, name)))).rejects.toEqual(refused)
})

test('a parameter has its first value, and all of them where it may repeat', () => {
  const form = parameters(new URLSearchParams('a=1&b=&c=x&c=&c=y'))
  expect([form.get('a'), form.get('b'), form.get('c'), form.get('d')]).toEqual(['1', undefined, 'x', undefined])
  expect([form.all('a'), form.all('b'), form.all('c')]).toEqual([['1'], [], ['x', 'y']])
  expect([...form.repeated]).toEqual(['c'])
})

test('a parameter that came twice is refused unless it may [RFC 6749 section 3.2]', () => {
  const form = parameters(new URLSearchParams('resource=a&resource=b&scope=x'))
  expect(() => refuseRepeated(form, ['resource'])).not.toThrow()
  expect(() => refuseRepeated(form)).toThrow(refused)
})

test.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x', `${type}; charset=utf-7`])(
  'a body of type %s is not read [RFC 6749 section 3.2]',
  async (contentType) => {
    await expect(readForm(post('a=1', contentType))).rejects.toEqual(refused)
  },
)

test('an error never repeats what somebody wrote for a name', () => {
  expect(parameterName('redirect_uri')).toBe('The parameter redirect_uri')
  for (const name of ['<b>', '', 'a'.repeat(41), 'a b', 'é']) expect(parameterName(name)).toBe('A parameter')
})
