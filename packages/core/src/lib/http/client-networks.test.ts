import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clientNetworks } from './client-networks.js'

const names = (address: string): string[] => clientNetworks(address).map(({ name }) => name)
const four = ['192.0.2.1/32', '192.0.2/24']

test('IPv6 counts by its /64, /56 and /48, each wider one with a larger share [finding 14]', () => {
  expect(clientNetworks('2001:db8:1:2345::1')).toEqual([
    { name: '2001:db8:1:2345/64', share: 1 },
    { name: '2001:db8:1:2300/56', share: 4 },
    { name: '2001:db8:1/48', share: 16 },
  ])
})

test.each([
  '192.0.2.1',
  '192.0.2.1:4711',
  '::ffff:192.0.2.1',
  '::FFFF:c000:201',
  '0:0:0:0:0:ffff:192.0.2.1',
  '[::ffff:192.0.2.1]:443',
  '::ffff:0:192.0.2.1',
  '64:ff9b::192.0.2.1',
  '64:ff9b::c000:201',
  '64:ff9b:1::192.0.2.1',
  '64:ff9b:1:2:3:4:192.0.2.1',
  '2002:c000:201::1',
  '2002:c000:0201:ffff::2',
])('%s is the IPv4 address that it stands for [finding 14]', (address) => {
  expect(names(address)).toEqual(four)
})

test.each([
  ['2001:db8::1', '2001:db8:0:0/64'],
  ['::1', '0:0:0:0/64'],
  ['fe80::1%eth0', 'fe80:0:0:0/64'],
  ['[2001:db8:1:2::1]:443', '2001:db8:1:2/64'],
  ['2001:0db8:0001:0002:0003:0004:0005:0006', '2001:db8:1:2/64'],
  ['1:2:3:4:5:6:7::', '1:2:3:4/64'],
  ['64:ff9b:2::192.0.2.1', '64:ff9b:2:0/64'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4/64'],
])('the narrowest network of %s is %s', (address, expected) => {
  expect(names(address)[0]).toBe(expected)
})

test.each([
  '',
  'unknown',
  '192.0.2',
  '192.0.2.256',
  '192.0.2.1.5',
  '1:2:3',
  '1:2:3:4:5:6:7:8:9',
  '1::2::3',
  ':::',
  'g::1',
  '12345::1',
  '::ffff:192.0.2.999',
  '1:2:3:4:5:6:7:192.0.2.1',
  '/run/gateway.sock',
])('%j is no address, and counts with all others that are none [finding 14]', (address) => {
  expect(names(address)).toEqual(['unknown'])
})

test('a text that is too long for an address is none', () => {
  expect(names('1'.repeat(100_000))).toEqual(['unknown'])
})

test('the networks do not depend on how an address is written', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const { hostname } = new URL(`http://[${address}]/`)
      expect(names(hostname.slice(1, -1))).toEqual(names(address))
      expect(names(address.toUpperCase())).toEqual(names(address))
      expect(names(address)).not.toEqual(['unknown'])
    }),
  )
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(names(`::ffff:${address}`)).toEqual(names(address))
    }),
  )
})
