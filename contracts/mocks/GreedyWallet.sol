// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title GreedyWallet: a contract account whose check of a signature never ends.
contract GreedyWallet {
    /// @notice ERC-1271, with all the gas there is.
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        uint256 spent;
        while (gasleft() > 0) spent += gasleft();
        return bytes4(uint32(spent));
    }
}
