// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title LeanToken: a token whose transfer does nothing that it need not, to measure what the rest takes.
contract LeanToken {
    /// @notice Tokens moved.
    event Transfer(address indexed from, address indexed to, uint256 amount);

    /// @dev There is not so much.
    error TooLittle(address account, uint256 held);

    /// @notice What an account holds.
    mapping(address account => uint256) public balanceOf;

    /// @notice Make `amount` for `account`.
    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
        emit Transfer(address(0), account, amount);
    }

    /// @notice Move `amount` to an account.
    function transfer(address to, uint256 amount) external returns (bool) {
        uint256 held = balanceOf[msg.sender];
        if (held < amount) revert TooLittle(msg.sender, held);
        unchecked {
            balanceOf[msg.sender] = held - amount;
            balanceOf[to] += amount;
        }
        emit Transfer(msg.sender, to, amount);
        return true;
    }
}
