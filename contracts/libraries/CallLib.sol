// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title CallLib: questions to contracts that nobody vouches for.
library CallLib {
    /// @notice Ask a contract something, with bounded gas, and copy no more of its answer than was asked for.
    /// @param target Who is asked.
    /// @param gasLimit The most gas that the question may take.
    /// @param question The call data.
    /// @param size The bytes that an answer has at least; more are not read.
    /// @return answered Whether the call succeeded and returned so much.
    /// @return answer The first `size` bytes that came back; meaningless if it was not answered.
    function ask(address target, uint256 gasLimit, bytes memory question, uint256 size)
        internal
        view
        returns (bool answered, bytes memory answer)
    {
        answer = new bytes(size);
        assembly ("memory-safe") {
            answered := staticcall(
                gasLimit,
                target,
                add(question, 0x20),
                mload(question),
                add(answer, 0x20),
                size
            )
            answered := and(answered, iszero(lt(returndatasize(), size)))
        }
    }

    /// @notice A word of an answer.
    /// @param answer The answer, which has so many words.
    /// @param index Which word, from 0.
    /// @return value The word.
    function word(bytes memory answer, uint256 index) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(answer, 0x20), shl(5, index)))
        }
    }
}
