-- Which of the commands the user of this connection may not run. Reads and writes nothing.
-- ARGV each command with arguments as it is really called with, separated by spaces
-- Answers {number of a refused one, …}, counted from 1
local refused = {}
-- A server that looks like Redis and has no such question is taken at its word.
if not redis.acl_check_cmd then return refused end
for i, line in ipairs(ARGV) do
  local words = {}
  for word in line:gmatch('%S+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then refused[#refused + 1] = i end
end
return refused
