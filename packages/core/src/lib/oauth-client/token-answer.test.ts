import { expect, test } from 'vitest'
import { readableTokenAnswer } from './token-answer.js'

const answer = (body: unknown, status = 200) =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/json' },
  })

test('members that are null or empty are taken for absent', async () => {
  const body = { access_token: 'a', token_type: 'Bearer', refresh_token: null, scope: '', error: null, id_token: '' }
  expect(await (await readableTokenAnswer(answer(body))).json()).toEqual({ access_token: 'a', token_type: 'Bearer' })
  const empty = { access_token: 'a', token_type: 'Bearer', error: '', expires_in: null }
  expect(await (await readableTokenAnswer(answer(empty))).json()).toEqual({ access_token: 'a', token_type: 'Bearer' })
})

test('an error with status 200 is an error', async () => {
  await expect(readableTokenAnswer(answer({ error: 'bad_verification_code' }))).rejects.toMatchObject({
    error: 'bad_verification_code',
  })
})

test('an error answer keeps its status, without empty members', async () => {
  const response = await readableTokenAnswer(answer({ error: 'invalid_grant', error_description: null }, 400))
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({ error: 'invalid_grant' })
})

test.each(['<html>', '[]', '"x"', ''])('what is no JSON object passes as it is: %j', async (text) => {
  const response = answer(text)
  expect(await readableTokenAnswer(response)).toBe(response)
})
